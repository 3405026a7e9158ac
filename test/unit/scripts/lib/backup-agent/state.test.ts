import { expect, test } from "vitest";
import { readWholeConfig, storeState } from "../../../../../scripts/lib/backup-agent/state.ts";
import { inspected, notThere } from "../../../../support/container-state.ts";
import { fakeDeps } from "../../../../support/fake-deps.ts";
import { fakePrograms } from "../../../../support/fake-programs.ts";
import { dockerAnswers, keepsState, pulumiAnswers } from "../../../../support/fake-stacks.ts";
import { temporaryFiles } from "../../../../support/temporary.ts";

const file = `config:
  thoth-letta:images: local
  thoth-letta:ports: { postgres: 5555 }
  thoth-letta:secretEnv:
    OPENAI_API_KEY: { secure: v1:abc }
  thoth-letta:token: { secure: v1:def }
encryptionsalt: v1:salt
`;
const open = {
  "thoth-letta:images": { value: "local", secret: false },
  "thoth-letta:secretEnv": { value: "{}", objectValue: { OPENAI_API_KEY: "sk-1" }, secret: true },
  "thoth-letta:token": { value: "t-1", secret: true },
};

test("a config is kept with its secrets apart, by the paths that pulumi accepts", async () => {
  const projectDirectory = temporaryFiles({ "Pulumi.letta.yaml": file });
  fakePrograms({ pulumi: { "config --json --show-secrets --stack letta": { stdout: JSON.stringify(open) } } });
  expect(await readWholeConfig(fakeDeps({ projectDirectory }), "letta")).toEqual({
    stack: "letta",
    config: { "thoth-letta:images": "local", "thoth-letta:ports": { postgres: 5555 }, "thoth-letta:secretEnv": {} },
    secrets: { 'thoth-letta:secretEnv["OPENAI_API_KEY"]': "sk-1", "thoth-letta:token": "t-1" },
  });
});

test("a config without secrets is read without Pulumi", async () => {
  const projectDirectory = temporaryFiles({ "Pulumi.letta.yaml": "config: { 'thoth-letta:kind': letta }\n" });
  fakePrograms({ pulumi: {} });
  expect((await readWholeConfig(fakeDeps({ projectDirectory }), "letta")).secrets).toEqual({});
});

test("state and config go to the backups on standard input", async () => {
  const programs = fakePrograms({ docker: dockerAnswers(), pulumi: pulumiAnswers() });
  const deps = fakeDeps();
  await storeState(deps, "letta");
  expect(programs.calls()).toEqual(keepsState);
  expect(deps.printed).toEqual([]);
});

test.each([
  ["is stopped", inspected({ Status: "exited" })],
  ["is not there", notThere],
])("nothing is done where the container of the backups %s", async (_how, state) => {
  const programs = fakePrograms({ docker: { "container inspect letta-backup": state }, pulumi: {} });
  await storeState(fakeDeps(), "letta");
  expect(programs.calls()).toHaveLength(1);
});

test("a failure is a warning, and ends nothing", async () => {
  const failed = { stdout: '{"event":"error","problem":"no room"}\n', exitCode: 1 };
  fakePrograms({ docker: dockerAnswers({ "exec -i letta-backup backup put": failed }), pulumi: pulumiAnswers() });
  const deps = fakeDeps();
  await storeState(deps, "letta");
  expect(deps.printed).toEqual(["warning: the state of stack letta is not in its backups: no room"]);
});

test("a state that cannot be read is reported without its output, which is secret", async () => {
  const failed = { stdout: "a-secret", stderr: "error: incorrect passphrase\n", exitCode: 255 };
  fakePrograms({ docker: dockerAnswers(), pulumi: pulumiAnswers({ "stack export --show-secrets": failed }) });
  const deps = fakeDeps();
  await storeState(deps, "letta");
  expect(deps.printed.join()).toContain("pulumi stack export letta failed: error: incorrect passphrase");
  expect(deps.printed.join()).not.toContain("a-secret");
});
