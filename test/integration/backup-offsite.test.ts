import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { paths } from "../../images/backup/src/paths.ts";
import type { Offsite } from "../../images/backup/src/settings.ts";
import type { BackupStatus } from "../../images/backup/src/status.ts";
import { docker, dockerOutput } from "../../infra/lib/docker/engine.ts";
import { localReference } from "../../infra/lib/images.ts";
import { root } from "../../scripts/lib/checkout.ts";
import { BackedUpPostgres } from "../support/backed-up-postgres.ts";
import { OtherHost } from "../support/other-host.ts";
import { ownPrefix } from "../support/shared-stacks.ts";

const name = `${ownPrefix()}-offsite`;
/** The agent's image is Postgres' own with more in it. */
const image = localReference("backup", root);
const host = new OtherHost(name);
const marker = "what-nobody-may-read-there";

/** A Postgres whose backups are copied to the other host, with the times of a test. */
function copied(part: string, offsite: Offsite): BackedUpPostgres {
  const times = { archiveSeconds: 2, heartbeatSeconds: 1 };
  const settings = { offsite, retention: { dumps: 1 }, keys: { password: marker }, ...times };
  return new BackedUpPostgres(
    `${name}-${part}`,
    { postgres: image, backup: image },
    { network: host.network, settings },
  );
}

async function statusOf(database: BackedUpPostgres): Promise<BackupStatus> {
  return database.succeed<BackupStatus>("status");
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

/** What is wrong with a copy that is made now; undefined where nothing is. */
async function problemNow(database: BackedUpPostgres): Promise<string | undefined> {
  return (await database.command("offsite", "push")).problem;
}

/** Pulls into a new volume with nothing at hand but the recovery key and the way to the copy. @returns the volume */
async function pull(database: BackedUpPostgres, recoveryKey = database.settings.recoveryKey) {
  const volume = `${database.name}-copy`;
  await docker(["volume", "rm", "--force", volume]);
  const { offsite } = database.settings;
  const settings = { offsite, recoveryKey, stack: "new", schedule: {}, retention: {}, keys: {} };
  const code = `${root}/images/backup/src:/opt/backup/src:ro`;
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

let sftp: BackedUpPostgres;
let s3: BackedUpPostgres;
let account: Awaited<ReturnType<OtherHost["sftp"]>>;

beforeAll(async () => {
  await host.start();
  account = await host.sftp("sftp/letta");
  sftp = copied("sftp", account);
  s3 = copied("s3", await host.s3("backups", "http"));
  for (const database of [sftp, s3]) await database.remove();
  await Promise.all([sftp.start(), s3.start()]);
  for (const database of [sftp, s3]) {
    await database.psql("create table kept (note text)");
    await write(database, 1000);
  }
  await Promise.all([untilCopied(sftp), untilCopied(s3)]);
});
afterAll(async () => {
  for (const database of [sftp, s3]) await database?.remove();
  await host.remove();
});

const write = (database: BackedUpPostgres, rows: number) =>
  database.psql(`insert into kept select '${marker}' from generate_series(1, ${rows})`);

describe("by SFTP", () => {
  const info = "sftp/letta/pgbackrest/backup/main/backup.info";
  const idFile = "sftp/letta/repository.json";
  /** Everything there but WAL and the id, with content. */
  const there = () =>
    host.shell(`find sftp/letta -type f ! -path '*/archive/*' ! -path ${idFile} -exec sha256sum {} + | sort`);

  test("WAL follows the backups without being asked", async () => {
    // Without a write since the last one, a switch is none.
    await sftp.psql("create table written ()");
    const segment = await sftp.psql("select pg_walfile_name(pg_switch_wal())");
    const find = `find sftp/letta/pgbackrest/archive -name '${segment}-*'`;
    await expect.poll(() => host.shell(find), patience).toContain(segment);
    expect((await statusOf(sftp)).problems).toEqual([]);
  });

  test("a new host restores everything from it with the recovery key alone, also while it is being pushed to", async () => {
    await write(sftp, 500);
    await sftp.psql("select pg_switch_wal()");
    await sftp.succeed("offsite", "push");
    const backups = Promise.all([sftp.succeed("now", "--type", "full"), sftp.succeed("now")]);
    const pulled = await pull(sftp);
    await backups;
    expect(pulled.problem).toBeUndefined();
    expect(pulled.backups).not.toEqual([]);
    expect(await rowsIn(sftp, pulled.volume)).toBe(1500);
  });

  test("names no backup before all of it is there", async () => {
    await sftp.succeed("offsite", "push");
    const before = await host.shell(`sha256sum ${info}`);
    await host.shell("chown root sftp/letta/pgbackrest/backup/main");
    try {
      await sftp.succeed("now", "--type", "full");
      expect(await problemNow(sftp)).toContain("refuses access");
      expect(await host.shell(`sha256sum ${info}`)).toBe(before);
    } finally {
      await host.shell("chown keeper sftp/letta/pgbackrest/backup/main");
    }
    expect(await problemNow(sftp)).toBeUndefined();
    expect(await host.shell(`sha256sum ${info}`)).not.toBe(before);
    // The change time is the other host's own.
    const newest = await host.shell(
      "find sftp/letta/pgbackrest/backup -type f -printf '%C@ %f\\n' | sort -n | tail -1",
    );
    expect(newest).toMatch(/ backup\.info(\.copy)?$/m);
  });

  test("loses what retention removes here, and nothing else", async () => {
    const dumps = () => host.shell("cd sftp/letta/files; find dumps -type f | sort");
    await sftp.succeed("dump");
    await sftp.succeed("offsite", "push");
    const [lost = ""] = (await dumps()).trim().split("\n");
    await sftp.shell(`rm ${paths.files}/${lost}`);
    await sftp.succeed("dump");
    await sftp.succeed("dump");
    await sftp.succeed("offsite", "push");
    const here = await sftp.shell(`cd ${paths.files}; find dumps -type f`);
    expect((await dumps()).trim().split("\n")).toEqual([lost, ...here.trim().split("\n")].sort());
  });

  test("nothing there can be read, and no secret of it is an argument of a process or told by Docker", async () => {
    expect(await sftp.shell(`grep -rlF ${marker} ${paths.volume} | head -1`)).not.toBe("");
    expect((await docker(["exec", host.name, "grep", "-raF", marker, "/srv/copies"])).exitCode).toBe(1);
    const watch = "for i in $(seq 200); do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; sleep 0.02; done";
    const watching = dockerOutput(["exec", sftp.agent, "sh", "-c", watch]);
    await sftp.succeed("offsite", "push");
    const seen = `${await watching}${await dockerOutput(["inspect", sftp.agent])}`;
    expect(seen).toContain("rclone");
    const keyLines = account.privateKey.split("\n").filter((line) => line.length > 20 && !line.startsWith("-----"));
    for (const secret of [...keyLines, sftp.settings.recoveryKey]) expect(seen).not.toContain(secret);
  });

  test("a copy of another repository is left as it is", async () => {
    await sftp.succeed("offsite", "push");
    const before = await there();
    const own = await host.shell(`cat ${idFile}; echo '{"id": "of another"}' > ${idFile}`);
    await sftp.succeed("dump");
    expect(await problemNow(sftp)).toContain("has the copy of another repository (of another)");
    expect(await there()).toBe(before);
    await host.shell(`echo '${own}' > ${idFile}`);
    expect(await problemNow(sftp)).toBeUndefined();
  });

  test("a host with another host key is not the one that is meant", async () => {
    const renew = "rm /etc/ssh/ssh_host_*; ssh-keygen -A; pkill -HUP -o -x sshd";
    await host.shell(`cp /etc/ssh/ssh_host_* /tmp; ${renew}`);
    expect(await problemNow(sftp)).toContain("shows a host key that knownHosts does not have");
    await host.shell("cp /tmp/ssh_host_* /etc/ssh; pkill -HUP -o -x sshd");
    await vi.waitFor(async () => expect(await problemNow(sftp)).toBeUndefined(), patience);
  });

  test("a host that is away is a problem of the status alone, and what it missed follows when it is back", async () => {
    await dockerOutput(["network", "disconnect", host.network, host.name]);
    await vi.waitFor(async () => expect((await offsiteOf(sftp)).problem).toContain("does not answer"), patience);
    const { problems, archive } = await statusOf(sftp);
    expect(problems).toEqual([expect.stringContaining("the copy off this host is behind")]);
    expect(archive.ok).toBe(true);
    await write(sftp, 250);
    await sftp.succeed("now");
    await dockerOutput(["network", "connect", host.network, host.name]);
    await untilCopied(sftp);
    await vi.waitFor(async () => expect((await statusOf(sftp)).problems).toEqual([]), patience);
  });
});

describe("by S3", () => {
  test("a new host restores everything from it with the recovery key alone", async () => {
    await write(s3, 1);
    await s3.psql("select pg_switch_wal()");
    await untilCopied(s3);
    const { volume, problem } = await pull(s3);
    expect(problem).toBeUndefined();
    expect(await rowsIn(s3, volume)).toBe(1001);
  });

  test("another key does not open it", async () => {
    expect((await pull(s3, "x".repeat(44))).problem).toContain("the recovery key is another");
  });

  test("https is refused without the authority's certificate, and used with it", async () => {
    const { caCertificate, ...offsite } = await host.s3("backups", "https");
    const untrusting = copied("s3", offsite);
    await untrusting.startAgent();
    await untrusting.untilReady();
    expect(await problemNow(untrusting)).toContain("has a certificate that is not trusted here");
    const trusting = copied("s3", { ...offsite, caCertificate });
    await trusting.startAgent();
    await trusting.untilReady();
    expect(await problemNow(trusting)).toBeUndefined();
    expect((await offsiteOf(trusting)).problem).toBeNull();
  });
});
