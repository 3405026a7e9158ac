import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { recoverLetta } from "../../../../scripts/backup/recover.ts";
import { readConfigFile } from "../../../../scripts/lib/stack-file.ts";
import { notThere } from "../../../support/container-state.ts";
import { backedUpStack } from "../../../support/fake-backups.ts";
import type { FakeAnswers } from "../../../support/fake-programs.ts";
import { agentResult, agentRun } from "../../../support/fake-stacks.ts";
import { temporaryFiles } from "../../../support/temporary.ts";

const key = "recovery0key0of0the0old0stack0recovery0key0x";
const resources = [{ urn: "urn:pulumi:letta::thoth-letta::docker:index/volume:Volume::postgres-volume" }];
const state = { version: 3, deployment: { secrets_providers: { state: { salt: "the old one" } }, resources } };
const config = { "thoth-letta:images": "registry", "thoth-letta:postgresVolume": "letta-postgres-2" };
const empty = { "stack export": { stdout: '{"deployment": {}}' } };

/** A letta stack whose state is lost, with what its backups have. */
function lostStack({ of = "letta", docker = {}, pulumi = {} }: { of?: string; docker?: object; pulumi?: object } = {}) {
  const stored = { stack: of, config, secrets: { 'thoth-letta:secretEnv["KEY"]': "value" } };
  const files: FakeAnswers[string] = [
    { stdout: JSON.stringify(stored), stderr: agentResult({}).stdout ?? "" },
    { stdout: JSON.stringify(state), stderr: agentResult({}).stdout ?? "" },
  ];
  const stack = backedUpStack({
    docker: {
      ...docker,
      "volume inspect": {},
      "exec letta-backup backup get": files,
      [`${agentRun} --network none --log-driver none --name letta-files`]: files,
      ...docker,
    },
    pulumi: { ...empty, "config set": {}, "stack import": {}, ...pulumi },
  });
  const text = "config:\n  thoth-letta:images: local\nencryptionsalt: v1:new\n";
  writeFileSync(join(stack.deps.projectDirectory, "Pulumi.letta.yaml"), text);
  return stack;
}

describe("letta recover", () => {
  test("asks the backup container while it runs, and takes the state and the missing config, and all secrets again", async () => {
    const { programs, deps } = lostStack();
    // As those in the file, which may be encrypted with a lost passphrase.
    const secret = "  thoth-letta:secretEnv:\n    KEY:\n      secure: old\n";
    const unreadable = `config:\n  thoth-letta:images: local\n${secret}encryptionsalt: v1:new\n`;
    writeFileSync(join(deps.projectDirectory, "Pulumi.letta.yaml"), unreadable);
    expect(await recoverLetta({ stack: "letta" }, deps)).toBe(0);
    expect(programs.calls().filter((call) => / get | config set | import /.test(call))).toEqual([
      "docker exec letta-backup backup get stack-config.json",
      "docker exec letta-backup backup get pulumi-state.json",
      'pulumi config set --secret --raw --path --stack letta thoth-letta:secretEnv["KEY"]',
      "pulumi stack import --stack letta",
    ]);
    expect(readConfigFile(deps, "letta")).toMatchObject({ images: "local", postgresVolume: "letta-postgres-2" });
  });

  test("never has the recovery key in a command line", async () => {
    const { programs, deps } = lostStack();
    const keyFile = join(temporaryFiles({ key: `${key}\n` }), "key");
    expect(await recoverLetta({ stack: "letta", keyFile }, deps)).toBe(0);
    const calls = programs.calls().join("\n");
    expect(calls).toMatch(/letta-files .* get pulumi-state.json/);
    expect(calls).not.toContain(key);
  });

  test("refuses the backups of another stack and changes nothing", async () => {
    const { programs, deps } = lostStack({ of: "letta-staging" });
    await expect(recoverLetta({ stack: "letta" }, deps)).rejects.toThrow(
      "these are backups of stack letta-staging, not of letta\n  fix: LETTA_STACK=letta-staging",
    );
    expect(programs.calls().join("\n")).not.toContain("stack import");
    expect(readConfigFile(deps, "letta")).toEqual({ images: "local" });
  });

  test.each([
    [
      "needs the recovery key when that container does not run",
      { "container inspect letta-backup": notThere },
      "backups open only with the recovery key",
    ],
    [
      "says that there are no backups",
      { "volume inspect": { exitCode: 1 } },
      "there is no volume letta-backup with the backups of stack letta",
    ],
  ])("%s", async (_what, docker, problem) => {
    await expect(recoverLetta({ stack: "letta" }, lostStack({ docker }).deps)).rejects.toThrow(problem);
  });
});
