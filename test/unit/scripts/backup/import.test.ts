import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { importBackups } from "../../../../scripts/backup/import.ts";
import { withSecretsAlone } from "../../../../scripts/backup/import-state.ts";
import { type Manifest, readManifest, readme, sha256 } from "../../../../scripts/backup/manifest.ts";
import { readConfigFile } from "../../../../scripts/lib/stack-file.ts";
import { backedUpStack } from "../../../support/fake-backups.ts";
import type { FakeAnswers } from "../../../support/fake-programs.ts";
import { agentResult, agentRun } from "../../../support/fake-stacks.ts";
import { temporaryFiles } from "../../../support/temporary.ts";

const urn = (type: string, name: string, stack = "old") => `urn:pulumi:${stack}::thoth-letta::${type}::${name}`;
const resource = (type: string, name: string, more: object = {}) => ({
  ...{ urn: urn(type, name), type, custom: true, ...more },
});
const [random, dynamic] = ["pulumi:providers:random", "pulumi:providers:pulumi-nodejs"];
const [postgres, password] = ["thoth-letta:letta:Postgres", "random:index/randomPassword:RandomPassword"];
const parent = urn(postgres, "postgres");
const outputs = { result: { plaintext: '"secret"' } };
const volume = resource("docker:index/volume:Volume", "volume", { parent });
const resources = [
  resource("pulumi:pulumi:Stack", "thoth-letta-old"),
  resource(random, "random"),
  resource("pulumi:providers:docker", "docker"),
  resource(dynamic, "dynamic"),
  resource("pulumi-nodejs:dynamic/thoth-letta:login-seeds", "seeds", { provider: `${urn(dynamic, "dynamic")}::4567` }),
  resource(postgres, "postgres", { parent: urn("pulumi:pulumi:Stack", "thoth-letta-old") }),
  volume,
  resource(password, "password", {
    ...{ parent, outputs, provider: `${urn(random, "random")}::0123`, dependencies: [volume.urn] },
  }),
];
const state = { version: 3, deployment: { secrets_providers: { state: { salt: "the old one" } }, resources } };

test("the generated secrets of a state are taken with their parents and their provider", () => {
  const salt = { type: "passphrase", state: { salt: "the new one" } };
  const { deployment } = withSecretsAlone(state, "old", "new", salt);
  const kept = deployment.resources ?? [];
  const names = ["thoth-letta-new", "random", "dynamic", "seeds", "postgres", "password"];
  expect(kept.map((one) => one.urn.split("::").at(-1))).toEqual(names);
  expect(JSON.stringify(deployment)).not.toMatch(/\bold\b/);
  expect(kept.at(-1)).toEqual({
    ...{ urn: urn(password, "password", "new"), type: password, custom: true, outputs },
    ...{ parent: urn(postgres, "postgres", "new"), provider: `${urn(random, "random", "new")}::0123` },
  });
  expect(deployment.secrets_providers).toEqual(salt);
});

const manifest: Manifest = {
  format: 1,
  stack: "old",
  createdAt: "2026-11-22T10:00:00.000Z",
  engine: "pgbackrest",
  databases: ["letta", "thoth"],
  archive: { file: "old.backup", bytes: 11, sha256: "0" },
  versions: { "thoth-letta": "0.1.0" },
};
const key = "recovery0key0of0the0old0stack0recovery0key0x";

const agent = (name: string) => `${agentRun} --network none --log-driver none --name letta-${name}`;

interface Stand {
  readonly docker?: FakeAnswers;
  readonly pulumi?: FakeAnswers;
  readonly archive?: Partial<Manifest["archive"]>;
  /** In addition to the config of the old stack. */
  readonly oldConfig?: object;
}

/** An export, and a new stack to import it into. */
async function newStack({ docker = {}, pulumi = {}, archive = {}, oldConfig = {} }: Stand = {}) {
  const folder = temporaryFiles({ "old.backup": "the archive", key: `${key}\n` });
  const whole = { ...manifest.archive, sha256: await sha256(join(folder, "old.backup")), ...archive };
  writeFileSync(join(folder, "manifest.json"), JSON.stringify({ ...manifest, archive: whole }));
  const own = { "thoth-letta:images": "registry", "thoth-letta:postgresVolume": "x", "thoth-letta:projects": ["shop"] };
  const config = {
    ...{ stack: "old", config: { ...own, ...oldConfig } },
    secrets: { 'thoth-letta:secretEnv["KEY"]': "value" },
  };
  const stderr = agentResult({}).stdout ?? "";
  const names = ["letta-home/1.tar.zst", "letta-home/2.tar.zst", "dumps/letta/9.dump"];
  const stack = backedUpStack({
    docker: {
      ...docker,
      "volume inspect": { exitCode: 1 },
      [agent("import")]: agentResult({ backups: [] }),
      [agent("files")]: [
        agentResult(names.map((name) => ({ name }))),
        { stderr },
        { stdout: JSON.stringify(config), stderr },
        { stdout: JSON.stringify(state), stderr },
      ],
      [`${agentRun} --network none --volume letta-home:/target`]: {},
      ...docker,
    },
    pulumi: { ...pulumi, "stack export": { stdout: "{}" }, "config set": {}, "stack import": {}, ...pulumi },
  });
  const text = "config:\n  thoth-letta:images: local\nencryptionsalt: v1:new\n";
  writeFileSync(join(stack.deps.projectDirectory, "Pulumi.letta.yaml"), text);
  return { ...stack, options: { stack: "letta", folder, keyFile: join(folder, "key") } };
}

describe("backup import", () => {
  test("fills new volumes, imports config and secrets, and brings the stack up", async () => {
    const { programs, deps, options } = await newStack();
    expect(await importBackups(options, deps)).toBe(0);
    const calls = programs.calls();
    const steps = /(?<=--settings - ).*|pulumi (?:stack import|config set|up)\b/;
    expect(calls.flatMap((call) => steps.exec(call)?.[0] ?? [])).toEqual([
      ...["import", "restore --target latest", "ls", "get letta-home/2.tar.zst"],
      ...["get stack-config.json", "get pulumi-state.json"],
      ...["pulumi config set", "pulumi stack import", "pulumi up"],
    ]);
    expect(calls.join("\n")).not.toContain(key);
    expect(readConfigFile(deps, "letta")).toEqual({ images: "local", projects: ["shop"] });
    expect(deps.printed.at(-1)).toBe("stack letta has all of stack old, including its passwords and keys");
  });

  test("without a folder uses the copy in the new stack's config, and what that lacks of the old config", async () => {
    const offsite = { type: "sftp", host: "nas", user: "keeper", path: "letta", privateKey: "the private key" };
    const open = { "thoth-letta:backup": { objectValue: { offsite } } };
    const { programs, deps, options } = await newStack({
      docker: {
        [agent("import").replace("--network none", "--add-host host.docker.internal:host-gateway")]: agentResult({
          backups: [],
        }),
      },
      pulumi: { "config --json --show-secrets": { stdout: JSON.stringify(open) } },
      oldConfig: { "thoth-letta:backup": { retention: { days: 90 }, offsite: { path: "old" } } },
    });
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

  const broughtUp = { stdout: '{"deployment": {"resources": [{}]}}' };
  test.each<[string, Stand, object, string]>([
    ["into a stack that was up before", { pulumi: { "stack export": broughtUp } }, {}, "was brought up before"],
    ["over a volume", { docker: { "volume inspect letta-home": {} } }, {}, "volume letta-home exists already"],
    ["of a damaged archive", { archive: { sha256: "0" } }, {}, "is damaged: its SHA-256 is"],
    ["without a key", {}, { keyFile: undefined }, "backups open only with the recovery key"],
    ["with a key file that is not there", {}, { keyFile: "/nowhere" }, "there is no file /nowhere"],
    ["with another file as key", {}, { keyFile: import.meta.filename }, "is not a recovery key"],
    [
      "without a folder or a copy in the config",
      { pulumi: { "config --json --show-secrets": { stdout: "{}" } } },
      { folder: undefined },
      "has no copy of backups in its config",
    ],
  ])("%s is refused", async (_what, stand, changes, problem) => {
    const { programs, deps, options } = await newStack(stand);
    await expect(importBackups({ ...options, ...changes }, deps)).rejects.toThrow(problem);
    expect(programs.calls().join("\n")).not.toMatch(/volume (create|rm)/);
  });

  test("that fails removes the volumes it created", async () => {
    const failed = { exitCode: 1, stdout: '{"event":"error","problem":"another key"}\n' };
    const { programs, deps, options } = await newStack({ docker: { [agent("import")]: failed } });
    await expect(importBackups(options, deps)).rejects.toThrow("another key");
    expect(programs.calls().flatMap((call) => /^docker volume rm --force (.*)/.exec(call)?.[1] ?? [])).toEqual(
      ["backup", "postgres", "home", "data"].map((name) => `letta-${name}`),
    );
  });
});

test("what lies next to an archive is read back, and tells a person what to do", () => {
  const folder = temporaryFiles({ "manifest.json": JSON.stringify(manifest) });
  expect(readManifest(folder)).toEqual(manifest);
  expect(readme(manifest)).toContain("make backup-import FOLDER=<this folder> KEY_FILE=<that file>");
  expect(() => readManifest(temporaryFiles({}))).toThrow("has no manifest.json, so it is not an export");
  expect(() => readManifest(temporaryFiles({ "manifest.json": '{"format": 2}' }))).toThrow("does not fit this version");
});
