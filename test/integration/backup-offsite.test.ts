import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type BackupStatus, paths } from "../../images/backup/src/contract.ts";
import { docker, dockerOutput } from "../../infra/lib/docker/engine.ts";
import { localReference } from "../../infra/lib/images.ts";
import { root } from "../../scripts/lib/checkout.ts";
import { agentSources, BackedUpPostgres } from "../support/backed-up-postgres.ts";
import { OtherHost } from "../support/other-host.ts";
import { ownPrefix } from "../support/shared-stacks.ts";

const name = `${ownPrefix()}-offsite`;
/** The agent's image is Postgres' own with more in it. */
const image = localReference("backup", root);
const host = new OtherHost(name);
const marker = "what-nobody-may-read-there";

let database: BackedUpPostgres;
let account: Awaited<ReturnType<OtherHost["sftp"]>>;

const statusOf = () => database.succeed<BackupStatus>("status");

async function offsiteOf() {
  const { offsite } = await statusOf();
  if (!offsite.configured) throw new Error("no copy is configured");
  return offsite;
}

const patience = { timeout: 120_000, interval: 200 };

/** Waits until the copy has everything that was there when this was called. */
async function untilCopied(): Promise<void> {
  const now = new Date().toISOString();
  await vi.waitFor(async () => expect(((await offsiteOf()).lastPushAt ?? "") > now).toBe(true), patience);
}

/** What is wrong with a copy that is made now; undefined when nothing is. */
const problemNow = async () => (await database.command("offsite", "push")).problem;

const write = (rows: number) =>
  database.psql(`insert into kept select '${marker}' from generate_series(1, ${rows}); select pg_switch_wal()`);

/** Pulls into a new volume with only the recovery key and the way to the copy. @returns the volume */
async function pull(recoveryKey = database.settings.recoveryKey) {
  const volume = `${database.name}-copy`;
  await docker(["volume", "rm", "--force", volume]);
  const { offsite } = database.settings;
  const settings = { offsite, recoveryKey, stack: "new", schedule: {}, retention: {}, keys: {}, configHash: "new" };
  const run = ["run", "--rm", "-i", "--network", host.network, "-v", `${volume}:${paths.repository}`, ...agentSources];
  const command = [image, "backup", "--settings", "-", "offsite", "pull"];
  const { stdout } = await docker([...run, ...command], { input: JSON.stringify(settings) });
  const { value, problem } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}");
  return { volume, backups: value?.backups as string[] | undefined, problem: problem as string | undefined };
}

/** Restores a pulled repository to its latest state. @returns the count of rows in table `kept` */
async function rowsIn(repository: string): Promise<number> {
  const { value, problem } = await database.restore<{ checks: { ok: boolean }[] }>("latest", { repository });
  expect(problem).toBeUndefined();
  expect(value.checks.filter(({ ok }) => !ok)).toEqual([]);
  return Number(await database.askRestored("select count(*) from kept"));
}

beforeAll(async () => {
  await host.start();
  account = await host.sftp("sftp/letta");
  const times = { archiveSeconds: 1, heartbeatSeconds: 1 };
  const settings = { offsite: account, retention: { dumps: 1 }, keys: { password: marker }, ...times };
  database = new BackedUpPostgres(name, { postgres: image, backup: image }, { network: host.network, settings });
  await database.start();
  await database.psql("create table kept (note text)");
  await write(1000);
  await untilCopied();
});
afterAll(async () => {
  await database?.remove();
  await host.remove();
});

describe("by SFTP", () => {
  const info = "sftp/letta/pgbackrest/backup/main/backup.info";
  const idFile = "sftp/letta/repository.json";

  test("WAL follows the backups without being asked", async () => {
    // A switch without a write before it does nothing.
    await database.psql("create table written ()");
    const segment = await database.psql("select pg_walfile_name(pg_switch_wal())");
    const find = `find sftp/letta/pgbackrest/archive -name '${segment}-*'`;
    await expect.poll(() => host.shell(find), patience).toContain(segment);
    expect((await statusOf()).problems).toEqual([]);
  });

  test("a new host restores everything from it with the recovery key alone, even while it is being pushed to", async () => {
    await write(500);
    await database.succeed("offsite", "push");
    const backup = database.succeed("now", "--type", "full");
    const pulled = await pull();
    await backup;
    expect(pulled.problem).toBeUndefined();
    expect(pulled.backups).not.toEqual([]);
    expect(await rowsIn(pulled.volume)).toBe(1500);
  });

  test("names no backup before all of it is there, and says with rclone's words what is missing", async () => {
    await database.succeed("offsite", "push");
    const before = await host.shell(`sha256sum ${info}`);
    await host.shell("chown root sftp/letta/pgbackrest/backup/main");
    try {
      await database.succeed("now");
      expect(await problemNow()).toMatch(/permission denied/i);
      expect(await host.shell(`sha256sum ${info}`)).toBe(before);
    } finally {
      await host.shell("chown keeper sftp/letta/pgbackrest/backup/main");
    }
    expect(await problemNow()).toBeUndefined();
    expect(await host.shell(`sha256sum ${info}`)).not.toBe(before);
    // The change time is the other host's own.
    const newest = "find sftp/letta/pgbackrest/backup -type f -printf '%C@ %f\\n' | sort -n | tail -1";
    expect(await host.shell(newest)).toMatch(/ backup\.info(\.copy)?$/m);
  });

  test("loses what retention removes here", async () => {
    const dumps = () => host.shell("cd sftp/letta/files; find dumps -type f | sort");
    await database.succeed("dump");
    await database.succeed("offsite", "push");
    const old = (await dumps()).trim().split("\n");
    await database.psql("select pg_sleep(1)");
    await database.succeed("dump");
    await database.succeed("offsite", "push");
    const here = await database.shell(`cd ${paths.files}; find dumps -type f | sort`);
    expect(await dumps()).toBe(here);
    for (const name of old) expect(here).not.toContain(name);
  });

  test("nothing there can be read, and no secret of it is an argument of a process or visible to Docker", async () => {
    expect(await database.shell(`grep -rlF ${marker} ${paths.volume} | head -1`)).not.toBe("");
    expect((await docker(["exec", host.name, "grep", "-raF", marker, "/srv/copies"])).exitCode).toBe(1);
    const watch = "for i in $(seq 200); do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; sleep 0.02; done";
    const watching = dockerOutput(["exec", database.agent, "sh", "-c", watch]);
    await database.succeed("offsite", "push");
    const seen = `${await watching}${await dockerOutput(["inspect", database.agent])}`;
    expect(seen).toContain("rclone");
    const keyLines = account.privateKey.split("\n").filter((line) => line.length > 20 && !line.startsWith("-----"));
    for (const secret of [...keyLines, database.settings.recoveryKey]) expect(seen).not.toContain(secret);
  });

  test("a copy of another repository is left as it is", async () => {
    const there = () =>
      host.shell(`find sftp/letta -type f ! -path '*/archive/*' ! -path ${idFile} -exec sha256sum {} + | sort`);
    await database.succeed("offsite", "push");
    const own = await host.shell(`cat ${idFile}; echo '{"id": "of another"}' > ${idFile}`);
    const before = await there();
    await database.succeed("dump");
    expect(await problemNow()).toContain("has the copy of another repository (of another)");
    expect(await there()).toBe(before);
    await host.shell(`echo '${own}' > ${idFile}`);
    expect(await problemNow()).toBeUndefined();
  });

  test("a host with another host key is refused", async () => {
    const renew = "rm /etc/ssh/ssh_host_*; ssh-keygen -A; pkill -HUP -o -x sshd";
    await host.shell(`cp /etc/ssh/ssh_host_* /tmp; ${renew}`);
    await vi.waitFor(async () => expect(await problemNow()).toContain("knownhosts: key"), patience);
    await host.shell("cp /tmp/ssh_host_* /etc/ssh; pkill -HUP -o -x sshd");
    await vi.waitFor(async () => expect(await problemNow()).toBeUndefined(), patience);
  });

  test("a host that is away is a problem of the status alone, and what it missed follows when it is back", async () => {
    await dockerOutput(["network", "disconnect", host.network, host.name]);
    await vi.waitFor(async () => expect((await offsiteOf()).problem).toMatch(/^failing since .+: .+/), patience);
    const { problems, archive } = await statusOf();
    expect(problems).toEqual([expect.stringContaining("the off-site copy is behind: failing since")]);
    expect(archive.ok).toBe(true);
    await write(250);
    await database.succeed("now");
    await dockerOutput(["network", "connect", host.network, host.name]);
    await untilCopied();
    await vi.waitFor(async () => expect((await statusOf()).problems).toEqual([]), patience);
  });
});

describe("by S3", () => {
  const copyTo = async (offsite: typeof database.settings.offsite) => {
    database.settings.offsite = offsite;
    await database.startAgent();
    await database.untilReady();
  };

  test("a new host restores everything from it, and with another key nothing", async () => {
    await copyTo(await host.s3("backups", "http"));
    await write(1);
    await database.succeed("offsite", "push");
    const { volume, problem } = await pull();
    expect(problem).toBeUndefined();
    expect(await rowsIn(volume)).toBe(Number(await database.psql("select count(*) from kept")));
    expect((await pull("x".repeat(44))).problem).toContain("the recovery key is another");
  });

  test("https is refused without the authority's certificate, and used with it", async () => {
    const { caCertificate, ...offsite } = await host.s3("backups", "https");
    await copyTo(offsite);
    expect(await problemNow()).toMatch(/certificate/);
    await copyTo({ ...offsite, caCertificate });
    expect(await problemNow()).toBeUndefined();
    expect((await offsiteOf()).problem).toBeNull();
  });
});
