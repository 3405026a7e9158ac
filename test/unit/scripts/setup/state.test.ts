import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { makeStateFolder, stackStep } from "../../../../scripts/setup/state.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { type FakeAnswers, fakePrograms } from "../../../support/fake-programs.ts";
import { temporaryFiles, temporaryFolder } from "../../../support/temporary.ts";

function statePaths(state = join(temporaryFolder(), ".state")) {
  return { state, backend: join(state, "backend"), passphrase: join(state, "passphrase") };
}

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe("the state folder", () => {
  test("is for its owner alone, even if others could read it before, and so is the passphrase", async () => {
    const paths = statePaths();
    mkdirSync(paths.state, { mode: 0o755 });
    await makeStateFolder(paths);
    expect([modeOf(paths.state), modeOf(paths.backend), modeOf(paths.passphrase)]).toEqual(["700", "700", "600"]);
    expect(readdirSync(paths.state).sort()).toEqual(["backend", "passphrase"]);
  });

  test("gets a passphrase of 256 bits, a different one each time", async () => {
    const all = [statePaths(), statePaths()];
    await Promise.all(all.map(makeStateFolder));
    const texts = all.map(({ passphrase }) => readFileSync(passphrase, "utf8"));
    expect(texts[0]).toMatch(/^[A-Za-z0-9_-]{43}\n$/);
    expect(texts[1]).not.toBe(texts[0]);
  });

  test("made twice at once, and again, has one passphrase", async () => {
    const paths = statePaths();
    await Promise.all([makeStateFolder(paths), makeStateFolder(paths)]);
    const text = readFileSync(paths.passphrase, "utf8");
    await makeStateFolder(paths);
    expect(readFileSync(paths.passphrase, "utf8")).toBe(text);
  });
});

describe("the step of a stack", () => {
  const known = (...names: string[]): FakeAnswers => ({
    "stack ls --json": { stdout: JSON.stringify(names.map((name) => ({ name }))) },
  });
  const stepOf = (yaml: string) => {
    const deps = fakeDeps({ projectDirectory: temporaryFiles({ "Pulumi.letta.yaml": yaml }) });
    return stackStep(deps, "letta", { images: "local" }, ["pulumi"]);
  };
  const complete = "config:\n  thoth-letta:images: registry\n";

  test("is done when the stack is known and what setup chooses is in its config, whatever it is", async () => {
    const list = { stdout: '[{"name": "letta"}]' };
    // Before the first setup there is no CLI, then no stack.
    fakePrograms({ pulumi: { "stack ls": [{ exitCode: 127 }, { stdout: "[]" }, list] } });
    for (const isDone of [false, false, true]) expect(await stepOf(complete).isDone()).toBe(isDone);
    expect(await stepOf("config:\n").isDone()).toBe(false);
  });

  test.each([
    ["creates the stack without selecting it", [], ["pulumi stack init letta --no-select"]],
    ["leaves an existing stack as it is", ["letta"], []],
  ])("%s, and writes what was chosen", async (_, names, inits) => {
    const programs = fakePrograms({ pulumi: { ...known(...names), "stack init": {}, "config set": {} } });
    await stepOf("").run(() => {});
    expect(programs.calls()).toEqual([
      "pulumi stack ls --json",
      ...inits,
      "pulumi config set images local --stack letta",
    ]);
  });

  test.each([
    [
      "a config file of another passphrase, and the fix",
      "error: could not create secrets manager for new stack: incorrect passphrase\n",
      /^Pulumi.letta.yaml is encrypted with a different passphrase\n {2}fix: put that passphrase/,
    ],
    ["any other reason", "error: no space left\n", /^stack letta could not be created: error: no space left$/],
  ])("reports why a stack cannot be created: %s", async (_, stderr, message) => {
    fakePrograms({ pulumi: { ...known(), "stack init": { exitCode: 1, stderr } } });
    await expect(stepOf(complete).run(() => {})).rejects.toThrow(message);
  });
});
