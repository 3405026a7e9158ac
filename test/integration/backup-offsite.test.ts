import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { paths } from "../../infra/containers/backup/src/paths.ts";
import type { Offsite } from "../../infra/containers/backup/src/settings.ts";
import type { BackupStatus } from "../../infra/containers/backup/src/status.ts";
import { docker, dockerOutput } from "../../infra/lib/docker.ts";
import { localReference } from "../../infra/lib/images.ts";
import { root } from "../../scripts/lib/project.ts";
import { BackedUpPostgres } from "../support/backed-up-postgres.ts";
import { OtherHost } from "../support/other-host.ts";

const name = `letta-t${inject("sharedStacks").suffix}-offsite`;
/** The agent's image is Postgres' own with more in it. */
const image = localReference("backup", root);
const host = new OtherHost(name);
const marker = "what-nobody-may-read-there";

beforeAll(() => host.start());
afterAll(() => host.remove());

/** A Postgres whose backups are copied to the other host, with the times of a test. */
function copied(part: string, engine: "pgbackrest" | "core", offsite: Offsite): BackedUpPostgres {
  const times = { archiveSeconds: 2, heartbeatSeconds: 1 };
  const settings = { engine, offsite, retention: { dumps: 1 }, keys: { password: marker }, ...times };
  return new BackedUpPostgres(
    `${name}-${part}`,
    { postgres: image, backup: image },
    { network: host.network, settings },
  );
}

/** The state as the agent wrote it last. */
async function statusOf({ agent }: BackedUpPostgres): Promise<BackupStatus> {
  return JSON.parse(await dockerOutput(["exec", agent, "cat", `${paths.status}/status.json`]));
}

async function offsiteOf(database: BackedUpPostgres) {
  const { offsite } = await statusOf(database);
  if (!offsite.configured) throw new Error("no copy is configured");
  return offsite;
}

const patience = { timeout: 120_000, interval: 300 };

/** Waits until the copy has all that was there when this was called. */
async function untilCopied(database: BackedUpPostgres): Promise<void> {
  const now = new Date().toISOString();
  await vi.waitFor(async () => expect(((await offsiteOf(database)).lastPushAt ?? "") > now).toBe(true), patience);
}

async function untilProblem(database: BackedUpPostgres, text: string): Promise<void> {
  await vi.waitFor(async () => expect((await offsiteOf(database)).problem).toContain(text), patience);
}

/** Pulls into a new volume with nothing at hand but the recovery key and the way to the copy. @returns the volume */
async function pull(database: BackedUpPostgres, recoveryKey = database.settings.recoveryKey) {
  const volume = `${database.name}-copy`;
  await docker(["volume", "rm", "--force", volume]);
  const { engine, offsite } = database.settings;
  const settings = { engine, offsite, recoveryKey, stack: "new", databases: [], schedule: {}, retention: {}, keys: {} };
  const code = `${root}/infra/containers/backup/src:/opt/backup/src:ro`;
  const run = [
    "run",
    "--rm",
    "-i",
    "--network",
    host.network,
    "-v",
    `${volume}:${paths.repository}`,
    "-v",
    code,
    image,
  ];
  const { stdout } = await docker([...run, "backup", "--settings", "-", "offsite", "pull"], {
    input: JSON.stringify({ ...settings, configHash: "new" }),
  });
  const { value, problem } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}");
  return { volume, backups: value?.backups as string[] | undefined, problem: problem as string | undefined };
}

/** Restores a copy to its latest state. @returns the count of rows in table `kept` */
async function rowsIn(database: BackedUpPostgres, repository: string): Promise<number> {
  const { value, problem } = await database.restore<{ checks: { name: string; ok: boolean; detail: string }[] }>(
    "latest",
    {
      repository,
    },
  );
  expect(problem).toBeUndefined();
  expect(value.checks.filter(({ ok }) => !ok)).toEqual([]);
  return Number(await database.askRestored("select count(*) from kept"));
}

describe("by SFTP, of pgBackRest's repository", () => {
  let database: BackedUpPostgres;
  let offsite: Awaited<ReturnType<OtherHost["sftp"]>>;

  beforeAll(async () => {
    offsite = await host.sftp("sftp/letta");
    database = copied("sftp", "pgbackrest", offsite);
    await database.remove();
    await database.start();
    await database.psql(
      `create table kept (note text); insert into kept select '${marker}' from generate_series(1, 1000)`,
    );
    await untilCopied(database);
  });
  afterAll(() => database.remove());

  const write = (rows: number) => database.psql(`insert into kept select '${marker}' from generate_series(1, ${rows})`);
  /** Everything there, with content. */
  const there = () => host.shell("find sftp/letta -type f ! -path '*/archive/*' -exec sha256sum {} + | sort");

  test("WAL follows the backups without being asked", async () => {
    const segment = await database.psql("select pg_walfile_name(pg_switch_wal())");
    await expect
      .poll(() => host.shell(`find sftp/letta/pgbackrest/archive -name '${segment}-*'`), patience)
      .toContain(segment);
    expect((await statusOf(database)).problems).toEqual([]);
  });

  test("a new host restores everything from it with the recovery key alone, also while it is being pushed to", async () => {
    await write(500);
    await database.psql("select pg_switch_wal()");
    await untilCopied(database);
    const backups = Promise.all([database.succeed("now", "--type", "full"), database.succeed("now")]);
    const pulled = await pull(database);
    await backups;
    expect(pulled.problem).toBeUndefined();
    expect(pulled.backups).not.toEqual([]);
    expect(await rowsIn(database, pulled.volume)).toBe(1500);
  });

  test("names no backup before all of it is there", async () => {
    const info = "sftp/letta/pgbackrest/backup/main/backup.info";
    const before = await host.shell(`sha256sum ${info}`);
    await host.shell("chown root sftp/letta/pgbackrest/backup/main");
    try {
      await database.succeed("now", "--type", "full");
      await untilProblem(database, "refuses access");
      expect(await host.shell(`sha256sum ${info}`)).toBe(before);
    } finally {
      await host.shell("chown keeper sftp/letta/pgbackrest/backup/main");
    }
    await expect.poll(() => host.shell(`sha256sum ${info}`), patience).not.toBe(before);
    await expect.poll(async () => (await offsiteOf(database)).problem, patience).toBeNull();
    // The change time is the other host's own.
    const youngest = await host.shell(
      "find sftp/letta/pgbackrest/backup sftp/letta/core -type f -printf '%C@ %f\\n' 2>/dev/null | sort -n | tail -1",
    );
    expect(youngest).toMatch(/ backup\.info(\.copy)?$/m);
  });

  test("loses what retention removes here, and nothing else", async () => {
    const dumps = () => host.shell("cd sftp/letta/files; find dumps -type f | sort");
    await database.succeed("dump");
    await database.succeed("offsite", "push");
    const [first = ""] = (await dumps()).trim().split("\n");
    await database.shell(`rm ${paths.files}/${first}`);
    await database.succeed("offsite", "push");
    expect(await dumps()).toContain(first);
    await database.succeed("dump");
    await database.succeed("dump");
    await database.succeed("offsite", "push");
    const here = await database.shell(`cd ${paths.files}; find dumps -type f | sort`);
    expect((await dumps()).replace(`${first}\n`, "")).toBe(here);
  });

  test("nothing there can be read, and no secret of it is an argument of a process or told by Docker", async () => {
    expect(await database.shell(`grep -rlF ${marker} ${paths.volume} | head -1`)).not.toBe("");
    expect((await docker(["exec", host.name, "grep", "-raF", marker, "/srv/copies"])).exitCode).toBe(1);
    const watching = dockerOutput([
      ...["exec", database.agent, "sh", "-c"],
      "for i in $(seq 200); do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; sleep 0.02; done",
    ]);
    await database.succeed("offsite", "push");
    const seen = `${await watching}${await dockerOutput(["inspect", database.agent])}`;
    expect(seen).toContain("rclone");
    const keyLines = offsite.privateKey.split("\n").filter((line) => line.length > 20 && !line.startsWith("-----"));
    for (const secret of [...keyLines, database.settings.recoveryKey]) expect(seen).not.toContain(secret);
  });

  test("a host that is away is a problem of the status alone, and what it missed follows when it is back", async () => {
    await dockerOutput(["stop", "--time", "0", host.name]);
    await untilProblem(database, "does not answer");
    const { problems, archive } = await statusOf(database);
    expect(problems).toEqual([expect.stringContaining("the copy off this host is behind")]);
    expect(archive.ok).toBe(true);
    await write(250);
    await database.succeed("now");
    await dockerOutput(["start", host.name]);
    await host.untilUp();
    await untilCopied(database);
    expect((await statusOf(database)).problems).toEqual([]);
  });

  test("a host with another host key is not the one that is meant", async () => {
    await database.succeed("offsite", "push");
    const before = await there();
    const other = copied("sftp", "pgbackrest", { ...offsite, knownHosts: `${host.name} ${await strangeKey()}` });
    await other.startAgent();
    await untilProblem(other, "shows a host key that knownHosts does not have");
    expect(await there()).toBe(before);
  });

  test("another repository does not take the copy's place", async () => {
    const before = await there();
    const other = copied("stranger", "core", offsite);
    await other.remove();
    try {
      await other.start();
      await untilProblem(other, "has the copy of another repository");
      expect(await there()).toBe(before);
    } finally {
      await other.remove();
    }
  });

  async function strangeKey(): Promise<string> {
    return (await host.shell("ssh-keygen -q -t ed25519 -N '' -f /tmp/strange; cat /tmp/strange.pub")).trim();
  }
});

describe("by S3, of the core engine's repository", () => {
  let database: BackedUpPostgres;

  beforeAll(async () => {
    database = copied("s3", "core", await host.s3("backups", "http"));
    await database.remove();
    await database.start();
    await database.psql(
      "create table kept (note text); insert into kept select 'a note' from generate_series(1, 1000)",
    );
    await untilCopied(database);
  });
  afterAll(() => database.remove());

  test("a new host restores everything from it with the recovery key alone", async () => {
    await database.psql("insert into kept values ('only in the WAL'); select pg_switch_wal()");
    await untilCopied(database);
    const { volume, problem } = await pull(database);
    expect(problem).toBeUndefined();
    expect(await rowsIn(database, volume)).toBe(1001);
  });

  test("another key does not open it", async () => {
    const { problem } = await pull(database, "x".repeat(44));
    expect(problem).toContain("cannot be read with this recovery key");
  });

  test("https is refused without the authority's certificate, and used with it", async () => {
    const { caCertificate, ...offsite } = await host.s3("backups", "https");
    const untrusting = copied("s3", "core", offsite);
    await untrusting.startAgent();
    await untilProblem(untrusting, "has a certificate that is not trusted here");
    const trusting = copied("s3", "core", { ...offsite, caCertificate });
    await trusting.startAgent();
    await untilCopied(trusting);
    expect((await statusOf(trusting)).problems).toEqual([]);
  });
});
