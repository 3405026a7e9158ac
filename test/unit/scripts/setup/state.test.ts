import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
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
  test("is for its owner alone, and so is the passphrase", async () => {
    const paths = statePaths();
    await makeStateFolder(paths);
    expect([modeOf(paths.state), modeOf(paths.backend), modeOf(paths.passphrase)]).toEqual(["700", "700", "600"]);
    expect(readdirSync(paths.state).sort()).toEqual(["backend", "passphrase"]);
  });

  test("gets a passphrase of 256 bits, a different one each time", async () => {
    const [first, second] = [statePaths(), statePaths()];
    await makeStateFolder(first);
    await makeStateFolder(second);
    const text = readFileSync(first.passphrase, "utf8");
    expect(text).toMatch(/^[A-Za-z0-9_-]{43}\n$/);
    expect(readFileSync(second.passphrase, "utf8")).not.toBe(text);
  });

  test("keeps an existing passphrase unchanged", async () => {
    const paths = statePaths();
    mkdirSync(paths.state);
    writeFileSync(paths.passphrase, "mine");
    await makeStateFolder(paths);
    await makeStateFolder(paths);
    expect(readFileSync(paths.passphrase, "utf8")).toBe("mine");
  });

  test("made twice at once has one passphrase", async () => {
    const paths = statePaths();
    await Promise.all([makeStateFolder(paths), makeStateFolder(paths)]);
    const text = readFileSync(paths.passphrase, "utf8");
    await makeStateFolder(paths);
    expect(readFileSync(paths.passphrase, "utf8")).toBe(text);
  });

  test("that others may read is closed to them", async () => {
    const paths = statePaths();
    mkdirSync(paths.state, { mode: 0o755 });
    await makeStateFolder(paths);
    expect(modeOf(paths.state)).toBe("700");
    expect(existsSync(paths.backend)).toBe(true);
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
    fakePrograms({ pulumi: known("letta") });
    expect(await stepOf(complete).isDone()).toBe(true);
    expect(await stepOf("config:\n").isDone()).toBe(false);
  });

  test("is not done before there is a CLI or a stack", async () => {
    fakePrograms({ pulumi: { "stack ls": [{ exitCode: 127 }, { stdout: "[]" }] } });
    expect(await stepOf(complete).isDone()).toBe(false);
    expect(await stepOf(complete).isDone()).toBe(false);
  });

  test("creates the stack without selecting it, and writes what was chosen", async () => {
    const programs = fakePrograms({ pulumi: { ...known(), "stack init": {}, "config set": {} } });
    await stepOf("").run(() => {});
    expect(programs.calls()).toEqual([
      "pulumi stack ls --json",
      "pulumi stack init letta --no-select",
      "pulumi config set images local --stack letta",
    ]);
  });

  test("reports a config file of another passphrase, and the fix", async () => {
    const stderr = "error: could not create secrets manager for new stack: incorrect passphrase\n";
    fakePrograms({ pulumi: { ...known(), "stack init": { exitCode: 1, stderr } } });
    await expect(stepOf(complete).run(() => {})).rejects.toThrow(
      /^Pulumi.letta.yaml is encrypted with a different passphrase\n {2}fix: put that passphrase/,
    );
  });

  test("reports any other reason why a stack cannot be created", async () => {
    fakePrograms({ pulumi: { ...known(), "stack init": { exitCode: 1, stderr: "error: no space left\n" } } });
    await expect(stepOf(complete).run(() => {})).rejects.toThrow(
      "stack letta could not be created: error: no space left",
    );
  });

  test("leaves an existing stack as it is", async () => {
    const programs = fakePrograms({ pulumi: { ...known("letta"), "config set": {} } });
    await stepOf("").run(() => {});
    expect(programs.calls()).not.toContain("pulumi stack init letta --no-select");
  });
});
