import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { paths, type Settings, settingsSchema } from "../../../images/backup/src/contract.ts";
import type { RawConfig } from "../../../infra/config/read.ts";
import type { LettaExports } from "../../../infra/stacks/outputs.ts";
import type { Graph } from "../../support/graph.ts";
import { lettaGraph, resolved, uploaded } from "../../support/stack-graphs.ts";

const graph = await lettaGraph({ projects: ["thoth", "notes"], backup: { archiveSeconds: 20, drillOnStart: false } });
const usual = await lettaGraph();

/** The settings of one of the backup's containers. */
function settingsOf(recorded: Graph<LettaExports>, name = "backup"): Settings {
  return settingsSchema.parse(JSON.parse(uploaded(recorded, name, "/run/thoth-letta/backup.json") ?? ""));
}

const volume = (source: string, target: string, rest = {}) => ({ type: "volume", source, target, ...rest });
const readOnly = { readOnly: true };

describe("the agent", () => {
  test("gets valid settings, from the config and the stack's secrets", () => {
    expect(settingsOf(graph)).toMatchObject({
      recoveryKey: "plain-backup-recovery-key",
      // The keys that a restored database needs.
      keys: {
        "credentials-seed": "plain-credentials-seed",
        "server-encryption-key": "plain-server-encryption-key",
      },
      stack: "letta",
      archiveSeconds: 20,
      heartbeatSeconds: 10,
      drillOnStart: false,
      retention: { days: 14, fulls: 2, dumps: 7 },
    });
    expect(settingsOf(graph, "backup-drill")).toEqual(settingsOf(graph));
  });

  test("sees the cluster and Letta's files, and can change neither", () => {
    const { mounts, networkMode } = graph.resource("backup-container").inputs;
    expect(mounts).toEqual([
      volume("letta-postgres", "/var/lib/postgresql/data", readOnly),
      volume("letta-backup", "/var/lib/backup"),
      volume("letta-scratch", "/scratch", readOnly),
      volume("letta-home", "/letta-home", readOnly),
      volume("letta-data", "/letta-data", readOnly),
      volume("letta-status", "/status"),
    ]);
    expect(networkMode).toBe("none");
  });

  test("is asked for its health where it listens", () => {
    const script = readFileSync(new URL("../../../images/backup/backup", import.meta.url), "utf8");
    expect(script).toContain(`--unix-socket ${paths.control} `);
    expect(graph.resource("backup-container").inputs.healthcheck).toMatchObject({ tests: ["CMD", "backup", "health"] });
  });

  test("is on the network only for a copy on another host", async () => {
    const offsite = { type: "sftp", host: "nas", user: "u", path: "p", privateKey: "plain-private-key" };
    const { resource } = await lettaGraph({ backup: { offsite } });
    expect(resource("backup-container").inputs.networksAdvanced).toEqual([
      { name: "id-of-network", aliases: ["letta-backup"] },
    ]);
    expect(resource("backup-drill-container").inputs.networkMode).toBe("none");
  });
});

test("the drill sees only the backups, cannot change them, and its scratch space may be lost", () => {
  const { mounts, networkMode } = graph.resource("backup-drill-container").inputs;
  expect(mounts).toEqual([
    volume("letta-backup", "/var/lib/backup", readOnly),
    volume("letta-scratch", "/scratch"),
    volume("letta-status", "/status"),
    { type: "tmpfs", target: "/var/lib/postgresql/data" },
  ]);
  expect(networkMode).toBe("none");
  const { inputs, options } = graph.resource("backup-scratch");
  expect(inputs).toEqual({ name: "letta-scratch" });
  const ignoreChanges = ["labels", "driver", "driverOpts"];
  expect(options).toMatchObject({ protect: false, retainOnDelete: false, ignoreChanges });
});

test("Postgres archives to the repository, with its key", () => {
  const { volumes, envs } = graph.resource("postgres-container").inputs;
  expect(volumes).toEqual([{ volumeName: "letta-backup", containerPath: "/var/lib/backup" }]);
  expect(envs).toContain("PGBACKREST_REPO1_PATH=/var/lib/backup/pgbackrest");
  const secrets = uploaded(graph, "postgres", "secrets.env");
  expect(secrets).toContain("PGBACKREST_REPO1_CIPHER_PASS='plain-backup-recovery-key'");
});

describe("the images", () => {
  const built = (name: string) => `thoth-letta/${name}:1-0123456789ab`;

  test.each<[string, RawConfig, string[]]>([
    ["of a registry: its Postgres with pgBackRest", {}, ["postgres-archiving", "backup"]],
    ["of a version", { postgresVersion: "17.1" }, ["postgres-archiving-17.1", "backup-17.1"]],
    ["built here: one Postgres, which has pgBackRest", { images: "local" }, ["postgres", "backup"]],
  ])("%s, and the agent that is built on it", async (_, raw, [postgres = "", agent = ""]) => {
    const { resource } = await lettaGraph(raw);
    const images = ["postgres", "backup", "backup-drill"].map((name) => resource(`${name}-container`).inputs.image);
    expect(images).toEqual([built(postgres), built(agent), built(agent)]);
  });
});

describe("another drill is due", () => {
  const usualHash = settingsOf(usual).configHash;
  const hashOf = async (raw: RawConfig) => settingsOf(await lettaGraph(raw)).configHash;

  test.each([
    ["another version of Letta", { lettaVersion: "0.9" }],
    ["another Postgres", { postgresVersion: "17.1" }],
    ["another volume", { postgresVolume: "restored" }],
    ["other sizes", { sizes: { drill: { memoryMiB: 1024 } } }],
    ["another way of backing up", { backup: { retention: { days: 30 } } }],
  ])("after %s", async (_, raw) => {
    expect(await hashOf(raw)).not.toBe(usualHash);
  });

  test("not after changes that backups have no part in", async () => {
    expect(await hashOf({ contextWindowLimit: 5000, projects: ["thoth", "notes"] })).toBe(usualHash);
  });
});

test("turned off, creates no container, and keeps the backups and their key", async () => {
  const off = await lettaGraph({ backup: { enabled: false }, models: { trial: "off" } });
  const { resources, exports, resource } = off;
  const names = resources.filter(({ name }) => name.startsWith("backup")).map(({ name }) => name);
  expect(names.sort()).toEqual(["backup-recovery-key", "backup-volume"]);
  expect(exports.containers).toEqual(["letta-postgres", "letta-redis", "letta-server", "letta-nginx", "letta-page"]);
  expect(exports).not.toHaveProperty("backupSettings");
  expect(exports.backup).toMatchObject({ enabled: false });
  expect(await resolved(exports.recoveryKey)).toBe("plain-backup-recovery-key");
  const { image, mounts, volumes, envs } = resource("postgres-container").inputs;
  expect(image).toMatch(/^registry\/postgres:1\.0@sha256:/);
  expect(JSON.stringify([mounts, volumes, envs])).not.toMatch(/backup|PGBACKREST/);
  expect(uploaded(off, "postgres", "secrets.env")).toBeUndefined();
});

describe("outputs", () => {
  test("have the backups' place and the settings for one-off containers", async () => {
    expect(graph.exports.backup).toEqual({ enabled: true, container: "letta-backup", drillContainer: "letta-drill" });
    const settings = JSON.parse((await resolved(graph.exports.backupSettings)) ?? "");
    expect(settingsSchema.parse(settings)).toEqual(settingsOf(graph));
    const volumes = { postgres: "letta-postgres", redis: "letta-redis", backup: "letta-backup" };
    expect(await resolved(graph.exports.volumes)).toMatchObject(volumes);
  });

  test("name the volume that Postgres runs on", async () => {
    const { resource, exports } = await lettaGraph({ postgresVolume: "restored" });
    expect(resource("postgres-volume").inputs).toEqual({ name: "restored" });
    expect(resource("postgres-volume").options).toMatchObject({ protect: true, retainOnDelete: true });
    expect(await resolved(exports.volumes)).toMatchObject({ postgres: "restored" });
    const mount = expect.objectContaining({ source: "restored", target: "/var/lib/postgresql/data" });
    for (const name of ["postgres", "backup"]) {
      expect(resource(`${name}-container`).inputs.mounts).toContainEqual(mount);
    }
  });
});
