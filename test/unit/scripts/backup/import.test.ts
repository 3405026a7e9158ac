import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { importBackups } from "../../../../scripts/backup/import.ts";
import { withSecretsAlone } from "../../../../scripts/backup/import-state.ts";
import { type Manifest, readManifest, readme, sha256 } from "../../../../scripts/backup/manifest.ts";
import { readConfigFile } from "../../../../scripts/lib/stack-file.ts";
import { backedUpStack, restored } from "../../../support/fake-backups.ts";
import type { FakeAnswers } from "../../../support/fake-programs.ts";
import { agentResult, agentRun } from "../../../support/fake-stacks.ts";
import { temporaryFiles } from "../../../support/temporary.ts";

const urn = (type: string, name: string, stack = "old") => `urn:pulumi:${stack}::thoth-letta::${type}::${name}`;
const provider = urn("pulumi:providers:random", "default_4_21_2");
const resource = (type: string, name: string, more: object = {}) => ({
  urn: urn(type, name),
  type,
  custom: true,
  ...more,
});
const state = {
  version: 3,
  deployment: {
    manifest: { version: "v3" },
    secrets_providers: { type: "passphrase", state: { salt: "the old one" } },
    resources: [
      resource("pulumi:pulumi:Stack", "thoth-letta-old", { custom: false }),
      resource("pulumi:providers:random", "default_4_21_2"),
      resource("pulumi:providers:docker", "default_5_2_0"),
      resource("pulumi:providers:pulumi-nodejs", "default"),
      resource("pulumi-nodejs:dynamic/thoth-letta:login-seeds", "login-seeds", {
        provider: `${urn("pulumi:providers:pulumi-nodejs", "default")}::4567`,
      }),
      resource("thoth-letta:letta:Postgres", "postgres", { parent: urn("pulumi:pulumi:Stack", "thoth-letta-old") }),
      resource("docker:index/volume:Volume", "postgres-volume", {
        parent: urn("thoth-letta:letta:Postgres", "postgres"),
      }),
      resource("random:index/randomPassword:RandomPassword", "postgres-secret", {
        parent: urn("thoth-letta:letta:Postgres", "postgres"),
        provider: `${provider}::0123`,
        dependencies: [urn("docker:index/volume:Volume", "postgres-volume")],
        outputs: { result: { plaintext: '"secret"' } },
      }),
    ],
  },
};

test("the generated secrets of a state are taken with their parents and their provider", () => {
  const salt = { type: "passphrase", state: { salt: "the new one" } };
  const { deployment } = withSecretsAlone(state, "old", "new", salt);
  expect(deployment.resources?.map((kept) => kept.urn)).toEqual([
    urn("pulumi:pulumi:Stack", "thoth-letta-new", "new"),
    urn("pulumi:providers:random", "default_4_21_2", "new"),
    urn("pulumi:providers:pulumi-nodejs", "default", "new"),
    urn("pulumi-nodejs:dynamic/thoth-letta:login-seeds", "login-seeds", "new"),
    urn("thoth-letta:letta:Postgres", "postgres", "new"),
    urn("random:index/randomPassword:RandomPassword", "postgres-secret", "new"),
  ]);
  expect(deployment.resources?.at(-1)).toMatchObject({
    parent: urn("thoth-letta:letta:Postgres", "postgres", "new"),
    provider: `${urn("pulumi:providers:random", "default_4_21_2", "new")}::0123`,
    outputs: { result: { plaintext: '"secret"' } },
  });
  expect(deployment.resources?.at(-1)).not.toHaveProperty("dependencies");
  expect(deployment.secrets_providers).toEqual(salt);
});

const manifest: Manifest = {
  format: 1,
  stack: "old",
  createdAt: "2026-11-22T10:00:00.000Z",
  engine: "pgbackrest",
  databases: ["letta", "thoth"],
  // Of "the archive".
  archive: { file: "old.backup", bytes: 11, sha256: "f6a6a2de6c1e2a2b2f5e0f1dbd0f4b5b" },
  versions: { "thoth-letta": "0.1.0" },
};
const key = "recovery0key0of0the0old0stack0recovery0key0x";

/** An export, and a new stack to import it into. */
async function newStack(
  docker: FakeAnswers = {},
  pulumi: FakeAnswers = {},
  more: Partial<Manifest> = {},
  oldConfig: Readonly<Record<string, unknown>> = {},
) {
  const folder = temporaryFiles({ "old.backup": "the archive", key: `${key}\n` });
  const archive = { ...manifest.archive, sha256: await sha256(join(folder, "old.backup")) };
  writeFileSync(join(folder, "manifest.json"), JSON.stringify({ ...manifest, archive, ...more }));
  const config = {
    stack: "old",
    config: {
      "thoth-letta:images": "registry",
      "thoth-letta:postgresVolume": "x",
      "thoth-letta:projects": ["shop"],
      ...oldConfig,
    },
    secrets: { 'thoth-letta:secretEnv["KEY"]': "value" },
  };
  const stack = backedUpStack({
    docker: {
      ...docker,
      "volume inspect": { exitCode: 1 },
      [`${agentRun} --network none --log-driver none --name letta-import`]: agentResult({ backups: [] }),
      [`${agentRun} --network none --log-driver none --name letta-restore`]: agentResult(restored),
      [`${agentRun} --network none --log-driver none --name letta-files`]: [
        agentResult([
          { name: "letta-home/1.tar.zst" },
          { name: "letta-home/2.tar.zst" },
          { name: "dumps/letta/9.dump" },
        ]),
        { stderr: agentResult({}).stdout ?? "" },
        { stdout: JSON.stringify(config), stderr: agentResult({}).stdout ?? "" },
        { stdout: JSON.stringify(state), stderr: agentResult({}).stdout ?? "" },
      ],
      [`${agentRun} --network none --volume letta-home:/target`]: {},
      ...docker,
    },
    pulumi: {
      ...pulumi,
      "stack export": { stdout: '{"deployment": {}}' },
      "config set": {},
      "stack import": {},
      ...pulumi,
    },
  });
  mkdirSync(stack.deps.projectDirectory, { recursive: true });
  const text = "config:\n  thoth-letta:images: local\nencryptionsalt: v1:new\n";
  writeFileSync(join(stack.deps.projectDirectory, "Pulumi.letta.yaml"), text);
  return { ...stack, options: { stack: "letta", folder, keyFile: join(folder, "key") } };
}

describe("backup import", () => {
  test("fills new volumes, imports config and secrets, and brings the stack up", async () => {
    const { programs, deps, options } = await newStack({}, { "stack export": { stdout: "{}" } });
    expect(await importBackups(options, deps)).toBe(0);
    const calls = programs.calls();
    const words = calls.flatMap(
      (call) => /--settings - (.*)|(pulumi (?:stack import|config set|up)\b)/.exec(call)?.slice(1) ?? [],
    );
    expect(words.filter((word) => word !== undefined)).toEqual([
      "import",
      "restore --target latest",
      "ls",
      "get letta-home/2.tar.zst",
      "get stack-config.json",
      "get pulumi-state.json",
      "pulumi config set",
      "pulumi stack import",
      "pulumi up",
    ]);
    expect(calls.join("\n")).not.toContain(key);
    expect(readConfigFile(deps, "letta")).toEqual({ images: "local", projects: ["shop"] });
    expect(deps.printed.at(-1)).toBe("stack letta has all of stack old, including its passwords and keys");
  });

  test("without a folder uses the copy in the new stack's config, and what that lacks of the old config", async () => {
    const offsite = { type: "sftp", host: "nas", user: "keeper", path: "letta", privateKey: "the private key" };
    const open = { "thoth-letta:backup": { objectValue: { offsite } } };
    const { programs, deps, options } = await newStack(
      {
        [`${agentRun} --add-host host.docker.internal:host-gateway --log-driver none --name letta-import`]: agentResult(
          { backups: [] },
        ),
      },
      { "config --json --show-secrets": { stdout: JSON.stringify(open) } },
      {},
      { "thoth-letta:backup": { retention: { days: 90 }, offsite: { path: "old" } } },
    );
    const own = `config:\n  thoth-letta:backup:\n    offsite:\n      path: letta\nencryptionsalt: v1:new\n`;
    writeFileSync(join(deps.projectDirectory, "Pulumi.letta.yaml"), own);
    expect(await importBackups({ ...options, folder: undefined }, deps)).toBe(0);
    const calls = programs.calls().join("\n");
    expect(calls).toMatch(/letta-import .*--settings - offsite pull/);
    expect(calls).not.toContain("the private key");
    expect(readConfigFile(deps, "letta")).toMatchObject({
      backup: { retention: { days: 90 }, offsite: { path: "letta" } },
      projects: ["shop"],
    });
  });

  test("without a folder or a copy in the config is refused", async () => {
    const { deps, options } = await newStack({}, { "config --json --show-secrets": { stdout: "{}" } });
    await expect(importBackups({ ...options, folder: undefined }, deps)).rejects.toThrow(
      "has no copy of backups in its config",
    );
  });

  test("into a stack that was brought up before is refused", async () => {
    const export_ = { "stack export": { stdout: '{"deployment": {"resources": [{}]}}' } };
    const { programs, deps, options } = await newStack({}, export_);
    await expect(importBackups(options, deps)).rejects.toThrow("stack letta was brought up before");
    expect(programs.calls().join("\n")).not.toContain("volume create");
  });

  test("over an existing volume is refused", async () => {
    const { programs, deps, options } = await newStack({ "volume inspect letta-home": {} });
    await expect(importBackups(options, deps)).rejects.toThrow("volume letta-home exists already");
    expect(programs.calls().join("\n")).not.toContain("volume create");
  });

  test("of a damaged archive is refused", async () => {
    const archive = { ...manifest.archive, sha256: "0" };
    const { deps, options } = await newStack({}, {}, { archive });
    await expect(importBackups(options, deps)).rejects.toThrow("is damaged: its SHA-256 is");
  });

  test.each([
    [undefined, "backups open only with the recovery key"],
    ["/nowhere", "there is no file /nowhere"],
    [import.meta.filename, "is not a recovery key"],
  ])("with key file %s is refused", async (keyFile, problem) => {
    const { deps, options } = await newStack();
    await expect(importBackups({ ...options, keyFile }, deps)).rejects.toThrow(problem);
  });

  test("that fails removes the volumes it created", async () => {
    const failed = { exitCode: 1, stdout: '{"event":"error","problem":"another key"}\n' };
    const importing = `${agentRun} --network none --log-driver none --name letta-import`;
    const { programs, deps, options } = await newStack({ [importing]: failed });
    await expect(importBackups(options, deps)).rejects.toThrow("another key");
    const removed = programs.calls().filter((call) => call.startsWith("docker volume rm"));
    expect(removed.map((call) => call.split(" ").at(-1))).toEqual(
      ["backup", "postgres", "home", "data"].map((name) => `letta-${name}`),
    );
  });
});

test("what lies beside an archive is read back, and tells a person what to do", () => {
  const folder = temporaryFiles({ "manifest.json": JSON.stringify(manifest) });
  expect(readManifest(folder)).toEqual(manifest);
  expect(readme(manifest)).toContain("make backup-import FOLDER=<this folder> KEY_FILE=<that file>");
  expect(() => readManifest(temporaryFiles({}))).toThrow("has no manifest.json, so it is not an export");
  expect(() => readManifest(temporaryFiles({ "manifest.json": '{"format": 2}' }))).toThrow("does not fit this version");
});
