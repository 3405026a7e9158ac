import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { recoverLetta } from "../../../../scripts/backup/recover.ts";
import { readConfigFile } from "../../../../scripts/lib/stack-file.ts";
import { notThere } from "../../../support/container-state.ts";
import { backedUpStack } from "../../../support/fake-backups.ts";
import { agentResult, agentRun } from "../../../support/fake-stacks.ts";
import { temporaryFiles } from "../../../support/temporary.ts";

const key = "recovery0key0of0the0old0stack0recovery0key0x";
const resources = [{ urn: "urn:pulumi:letta::thoth-letta::docker:index/volume:Volume::postgres-volume" }];
const state = { version: 3, deployment: { secrets_providers: { state: { salt: "the old one" } }, resources } };
const config = { "thoth-letta:images": "registry", "thoth-letta:postgresVolume": "letta-postgres-2" };

/** A letta stack whose state is lost, with what its backups have. */
function lostStack({ of = "letta", docker = {} }: { of?: string; docker?: object } = {}) {
  const stored = { stack: of, config, secrets: { 'thoth-letta:secretEnv["KEY"]': "value" } };
  const stderr = agentResult({}).stdout ?? "";
  const files = [stored, state].map((file) => ({ stdout: JSON.stringify(file), stderr }));
  const stack = backedUpStack({
    docker: {
      ...docker,
      "volume inspect": {},
      "exec letta-backup backup get": files,
      [`${agentRun} --network none --log-driver none --name letta-files`]: files,
      ...docker,
    },
    pulumi: { "stack export": { stdout: '{"deployment": {}}' }, "config set": {}, "stack import": {} },
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

  const noKey = "backups open only with the recovery key";
  const other = "these are backups of stack letta-staging, not of letta\n  fix: LETTA_STACK=letta-staging";
  const none = "there is no volume letta-backup with the backups of stack letta";
  test.each([
    ["with the backups of another stack", { of: "letta-staging" }, other],
    ["without the container and the recovery key", { docker: { "container inspect letta-backup": notThere } }, noKey],
    ["without backups", { docker: { "volume inspect": { exitCode: 1 } } }, none],
  ])("%s is refused and changes nothing", async (_what, lost, problem) => {
    const { programs, deps } = lostStack(lost);
    await expect(recoverLetta({ stack: "letta" }, deps)).rejects.toThrow(problem);
    expect(programs.calls().join("\n")).not.toContain("stack import");
    expect(readConfigFile(deps, "letta")).toEqual({ images: "local" });
  });
});
