import { expect, test } from "vitest";
import { readWholeConfig, storeState } from "../../../../../scripts/lib/backup-agent/state.ts";
import { inspected, notThere } from "../../../../support/container-state.ts";
import { fakeDeps } from "../../../../support/fake-deps.ts";
import { fakePrograms } from "../../../../support/fake-programs.ts";
import { fakeStacks, keepsState } from "../../../../support/fake-stacks.ts";
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

async function stored(changes: Parameters<typeof fakeStacks>[0] = {}) {
  const programs = fakeStacks(changes);
  const deps = fakeDeps();
  await storeState(deps, "letta");
  return { calls: programs.calls(), printed: deps.printed };
}

test("state and config go to the backups on standard input", async () => {
  expect(await stored()).toEqual({ calls: keepsState, printed: [] });
});

test.each([
  ["is stopped", inspected({ Status: "exited" })],
  ["is not there", notThere],
])("nothing is done where the container of the backups %s", async (_how, container) => {
  const { calls } = await stored({ docker: { "container inspect letta-backup": container } });
  expect(calls).toEqual(keepsState.slice(0, 1));
});

test("a failure is a warning, and ends nothing", async () => {
  const failed = { stdout: '{"event":"error","problem":"no room"}\n', exitCode: 1 };
  const { printed } = await stored({ docker: { "exec -i letta-backup backup put": failed } });
  expect(printed).toEqual(["warning: the state of stack letta is not in its backups: no room"]);
});

test("a state that cannot be read is reported without its output, which is secret", async () => {
  const failed = { stdout: "a-secret", stderr: "error: incorrect passphrase\n", exitCode: 255 };
  const { printed } = await stored({ pulumi: { "stack export --show-secrets": failed } });
  expect(printed.join()).toContain("pulumi stack export letta failed: error: incorrect passphrase");
  expect(printed.join()).not.toContain("a-secret");
});
