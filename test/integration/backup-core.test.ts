import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test, vi } from "vitest";
import { docker, dockerOutput } from "../../infra/lib/docker/engine.ts";
import {
  type BackedUpOptions,
  BackedUpPostgres,
  type BackupImages,
  startWriting,
} from "../support/backed-up-postgres.ts";
import { sharedStacks } from "../support/shared-stacks.ts";

const stacks = sharedStacks();

async function images(): Promise<BackupImages> {
  const [postgres = "", backup = ""] = await Promise.all(
    ["postgres", "backup"].map(async (part) =>
      (await dockerOutput(["inspect", "--format", "{{.Config.Image}}", `${stacks.letta}-${part}`])).trim(),
    ),
  );
  return { postgres, backup };
}

/** One of the calling test's own, up and ready. */
async function startOwn(part: string, options: BackedUpOptions = {}): Promise<BackedUpPostgres> {
  const own = new BackedUpPostgres(`letta-t${inject("sharedStacks").suffix}-core-${part}`, await images(), options);
  onTestFinished(() => own.remove());
  await own.start();
  return own;
}

interface Backup {
  readonly label: string;
  readonly type: string;
  readonly bytes: number;
}

interface Restored {
  readonly label: string;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}

const newestWal = "wal=$(find wal -name '*.zst.bin' | sort | tail -1)";
const flip = (file: string) =>
  `printf X | dd of="${file}" bs=1 seek=$(( $(stat -c %s "${file}") / 2 )) conv=notrunc status=none`;

describe("backups by Postgres' own tools", () => {
  let database: BackedUpPostgres;
  let time = "";

  beforeAll(async () => {
    const name = `letta-t${inject("sharedStacks").suffix}-core-chain`;
    database = new BackedUpPostgres(name, await images());
    await database.start();
    await database.psql("create table notes (note text)");
    await database.succeed("now", "--type", "full");
    await database.psql("insert into notes select 'in the full backup' from generate_series(1, 5000)");
    await database.succeed("now", "--type", "full");
    await database.psql("insert into notes select 'in the first increment' from generate_series(1, 300)");
    await database.succeed("now", "--type", "incremental");
    await database.psql("insert into notes values ('before the point')");
    await database.succeed("point", "good");
    await database.psql("insert into notes values ('before the time')");
    await new Promise((resolve) => setTimeout(resolve, 1100));
    time = await database.psql(`select to_char(now() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await database.psql("insert into notes values ('oops')");
    await database.succeed("now", "--type", "incremental");
    await database.psql("insert into notes values ('only in the WAL')");
  });
  afterAll(() => database.remove());

  const restoredNotes = () =>
    database.askRestored("select note || ': ' || count(*) from notes group by note order by 1");

  test("an increment has what changed", async () => {
    const { backups } = await database.succeed<{ backups: Backup[] }>("list");
    const [full, first, second] = backups.slice(-3) as [Backup, Backup, Backup];
    expect([full.type, first.type, second.type]).toEqual(["full", "incremental", "incremental"]);
    expect(first.label).toMatch(new RegExp(`^${full.label}_\\d{8}-\\d{6}I$`));
    expect(first.bytes).toBeLessThan(full.bytes / 4);
  });

  test("the latest state is restored through two increments and WAL that was never archived", async () => {
    const { value, problem } = await database.restore<Restored>("latest");
    expect(problem).toBeUndefined();
    expect(value.label).toMatch(/F_.*I$/);
    expect(value.checks.filter(({ ok }) => !ok)).toEqual([]);
    expect((await restoredNotes()).split("\n")).toEqual([
      "before the point: 1",
      "before the time: 1",
      "in the first increment: 300",
      "in the full backup: 5000",
      "only in the WAL: 1",
      "oops: 1",
    ]);
  });

  test("a time and a named point are restored, and nothing after them", async () => {
    expect(await database.restore(`time:${time}`)).toMatchObject({ event: "result" });
    const atTime = await restoredNotes();
    expect(atTime).toContain("before the time: 1");
    expect(atTime).not.toContain("oops");
    expect(await database.restore("name:good")).toMatchObject({ event: "result" });
    const atPoint = await restoredNotes();
    expect(atPoint).toContain("before the point: 1");
    expect(atPoint).not.toContain("before the time");
  });

  test("a sound repository verifies, and nothing in it can be read without the key", async () => {
    expect(await database.succeed("verify")).toMatchObject({ ok: true });
    expect(
      await database.shell("grep -rlE 'PostgreSQL database|in the full backup' /var/lib/backup/core || true"),
    ).toBe("");
  });

  /** Damages a copy of the repository, and asks both for its verification and for a restore from it. */
  async function damaged(script: string): Promise<{ verified: string | undefined; restored: string | undefined }> {
    const repository = await database.copyRepository(script);
    const { problem } = await database.restore("latest", { repository });
    return { verified: await database.verifyCopy(repository), restored: problem };
  }

  test("a missing WAL segment is named", async () => {
    const { verified, restored } = await damaged(`${newestWal}; rm "$wal"`);
    expect(verified).toMatch(/WAL without a gap: 1 segments missing: [0-9A-F]{24}/);
    expect(restored).toMatch(/WAL segment [0-9A-F]{24} is missing/);
  });

  test("a torn WAL segment is named, and does not pass for the end of the WAL", async () => {
    const { verified, restored } = await damaged(`${newestWal}; truncate -s $(( $(stat -c %s "$wal") / 2 )) "$wal"`);
    expect(verified).toMatch(/WAL files: damaged: wal\/.*[0-9A-F]{24}\.zst/);
    expect(restored).toMatch(/could not restore file "[0-9A-F]{24}" from archive/);
  });

  test("a WAL segment that was cut down to nothing is named", async () => {
    const { verified, restored } = await damaged(`${newestWal}; truncate -s 32 "$wal"`);
    expect(verified).toMatch(/WAL files: damaged: wal\//);
    expect(restored).toMatch(/could not restore file "[0-9A-F]{24}" from archive/);
  });

  test("another byte in the WAL is found", async () => {
    const { verified, restored } = await damaged(`${newestWal}; ${flip("$wal")}`);
    expect(verified).toMatch(/WAL files: damaged: wal\//);
    expect(restored).toMatch(/could not restore file "[0-9A-F]{24}" from archive/);
  });

  test("another byte in a backup that the newest stands on is found", async () => {
    const { verified, restored } = await damaged(`file=$(ls base/*F.tar.zst.bin | tail -1); ${flip("$file")}`);
    expect(verified).toMatch(/backup \d{8}-\d{6}F: /);
    expect(restored).toMatch(/failed to authenticate decrypted block/);
  });

  test("a link of the chain that is gone is named", async () => {
    const { verified, restored } = await damaged("rm $(ls base/*I.json.bin | head -1)");
    expect(verified).toMatch(/stands on .*I, and part of that is missing/);
    expect(restored).toMatch(/stands on .*I, and part of that is missing/);
  });

  test("another key opens nothing, and writes nothing", async () => {
    const settings = { recoveryKey: "another-key-of-44-letters-0000000000000000000" };
    const { problem } = await database.restore("latest", { settings });
    expect(problem).toMatch(/cannot be read with this recovery key/);
  });

  test("expiry removes the chain that no day of the window needs, and the WAL before the oldest backup that stays", async () => {
    const { backups } = await database.succeed<{ backups: Backup[] }>("list");
    const full = backups.findLast(({ type }) => type === "full")?.label ?? "";
    const [younger, older] = [true, false].map((isYounger) =>
      backups.map(({ label }) => label).filter((label) => label.startsWith(full) === isYounger),
    ) as [string[], string[]];
    expect(older).not.toEqual([]);
    await database.age(older, 40);
    await database.age(younger, 20);
    await database.succeed("now", "--type", "full");
    const left = await database.succeed<{ backups: Backup[] }>("list");
    expect(left.backups.map(({ label }) => label)).toEqual([...younger, expect.stringMatching(/^\d{8}-\d{6}F$/)]);
    expect(await database.succeed("verify")).toMatchObject({ ok: true });
    const names = await database.shell("cd /var/lib/backup/core && ls base && ls wal/*/00000001 | sort | head -1");
    for (const label of older) expect(names).not.toContain(label);
    expect(names.trim().split("\n").at(-1)).toContain(await database.startSegment(full));
  });
});

test("a backup of an idle database is soon followed by a moment that a rehearsal can restore", async () => {
  const database = await startOwn("idle", { settings: { archiveSeconds: 10 } });
  const { stoppedAt } = await database.succeed<{ stoppedAt: string }>("now", "--type", "full");
  const isThere = async () => {
    const file = await dockerOutput(["exec", database.agent, "cat", "/var/lib/backup/status/heartbeats.json"]);
    const beats = JSON.parse(file) as { at: string; point?: string; isRecoverable: boolean }[];
    expect(beats.some(({ at, point, isRecoverable }) => at > stoppedAt && point && isRecoverable)).toBe(true);
  };
  await vi.waitFor(isThere, { timeout: 180_000, interval: 500 });
});

const commitsWait =
  "select current_setting('synchronous_standby_names') = 'walsink' and bool_or(sync_state = 'sync') from pg_stat_replication";

/** Waits until commits wait for the sink, or until they do not. */
async function untilWaiting(database: BackedUpPostgres, expected: boolean): Promise<void> {
  const look = async () => expect(await database.psql(commitsWait)).toBe(expected ? "t" : "f");
  await vi.waitFor(look, { timeout: 60_000, interval: 200 });
}

/** Rows that a client was told to be committed, and that a restore of everything there is does not have. */
async function lostRows(database: BackedUpPostgres, acknowledged: ReadonlySet<string>): Promise<string[]> {
  await database.shell("rm -rf /var/lib/postgresql/data/pgdata");
  const { problem } = await database.restore("latest");
  expect(problem).toBeUndefined();
  const rows = await database.askRestored("select client || ' ' || n from acknowledged");
  const restored = new Set(rows.split("\n"));
  return [...acknowledged].filter((row) => !restored.has(row));
}

describe("with rpoZero", () => {
  const settings = { rpoZero: true };

  test("no acknowledged row is lost when everything is killed and the cluster is gone", async () => {
    const database = await startOwn("zero", { settings });
    await database.succeed("now", "--type", "full");
    await untilWaiting(database, true);
    const { acknowledged, ended } = await startWriting(database, 4);
    await vi.waitFor(() => expect(acknowledged.size).toBeGreaterThan(2000), { timeout: 120_000 });
    await database.kill();
    await ended;
    console.log(`${acknowledged.size} rows acknowledged`);
    expect(await lostRows(database, acknowledged)).toEqual([]);
  });

  test("no acknowledged row is lost beside pgBackRest either, whose archive does not follow", async () => {
    const database = await startOwn("beside", { settings: { ...settings, engine: "pgbackrest" } });
    await database.succeed("now", "--type", "full");
    await untilWaiting(database, true);
    // From here on nothing reaches the archive: the newest WAL is in the sink alone.
    await dockerOutput(["exec", database.agent, "chmod", "000", "/var/lib/backup/pgbackrest/archive/main/17-1"]);
    const { acknowledged, ended } = await startWriting(database, 4);
    await vi.waitFor(() => expect(acknowledged.size).toBeGreaterThan(500), { timeout: 120_000 });
    await database.psql("select pg_switch_wal()");
    const before = acknowledged.size;
    await vi.waitFor(() => expect(acknowledged.size).toBeGreaterThan(before + 500), { timeout: 120_000 });
    await database.kill();
    await ended;
    await database.shell("chmod 750 /var/lib/backup/pgbackrest/archive/main/17-1");
    console.log(`${acknowledged.size} rows acknowledged`);
    expect(await lostRows(database, acknowledged)).toEqual([]);
  });

  test("commits go on when the sink is silent, and wait again when it is back", async () => {
    const database = await startOwn("silent", { settings });
    await untilWaiting(database, true);
    await dockerOutput(["exec", database.agent, "pkill", "-STOP", "pg_receivewal"]);
    // It hangs until somebody ends the wait.
    await database.psql("create table committed ()");
    expect(await database.psql("show synchronous_standby_names")).toBe("");
    await dockerOutput(["exec", database.agent, "pkill", "-CONT", "pg_receivewal"]);
    await untilWaiting(database, true);
  });

  test("commits go on when the whole agent is gone, and wait again when it is back", async () => {
    const database = await startOwn("gone", { settings });
    await untilWaiting(database, true);
    await dockerOutput(["kill", database.agent]);
    await database.psql("create table committed ()");
    expect(await database.psql("show synchronous_standby_names")).toBe("");
    expect((await docker(["logs", database.postgres])).stderr).toContain("commits go on without it");
    await database.startAgent();
    await untilWaiting(database, true);
  });

  test("turned off again beside pgBackRest, nothing of it stays that would keep WAL or commits back", async () => {
    const database = await startOwn("off", { settings: { ...settings, engine: "pgbackrest" } });
    await untilWaiting(database, true);
    await dockerOutput(["kill", database.agent]);
    database.settings.rpoZero = false;
    await database.startAgent();
    await database.untilReady();
    expect(await database.psql("select count(*) from pg_replication_slots")).toBe("0");
    expect(await database.psql("show synchronous_standby_names")).toBe("");
  });

  test("an agent that is stopped lets commits go on at once", async () => {
    const database = await startOwn("stopped", { settings });
    await untilWaiting(database, true);
    await dockerOutput(["stop", database.agent]);
    expect(await database.psql("show synchronous_standby_names")).toBe("");
  });
});

describe("without rpoZero", () => {
  test("what a hanging sink has not got is lost, and the same check sees it", async () => {
    const database = await startOwn("async");
    await database.succeed("now", "--type", "full");
    const { acknowledged, ended } = await startWriting(database, 4);
    await vi.waitFor(() => expect(acknowledged.size).toBeGreaterThan(1000), { timeout: 120_000 });
    await dockerOutput(["exec", database.agent, "pkill", "-STOP", "pg_receivewal"]);
    const before = acknowledged.size;
    await vi.waitFor(() => expect(acknowledged.size).toBeGreaterThan(before + 1000), { timeout: 120_000 });
    await database.kill();
    await ended;
    const lost = await lostRows(database, acknowledged);
    console.log(
      `${acknowledged.size} rows acknowledged, ${acknowledged.size - before} after the sink hung, ${lost.length} lost`,
    );
    expect(lost.length).toBeGreaterThan(500);
  });
});

describe("after a disaster", () => {
  test("the restored cluster goes on in the same repository, on a timeline of its own", async () => {
    const database = await startOwn("moved");
    await database.psql("create table notes (note text); insert into notes values ('before')");
    await database.succeed("now", "--type", "full");
    await database.succeed("point", "before");
    await database.psql("insert into notes values ('after')");
    await database.kill();
    expect(await database.restore("name:before")).toMatchObject({ event: "result" });
    await database.startPostgres(database.restored);
    await database.startAgent(database.restored);
    await database.untilReady();
    await database.psql("insert into notes values ('on the second timeline')");
    const volume = `${database.restored}-again`;
    const notes = () => database.askRestored("select string_agg(note, ', ') from notes", volume);
    // As long as there is no backup of the second timeline, a restore goes through the first one to it.
    expect((await database.restore("latest", { volume })).problem).toBeUndefined();
    expect(await notes()).toBe("before, on the second timeline");
    expect(await database.succeed<Backup>("now", "--type", "incremental")).toMatchObject({ type: "full" });
    await database.psql("insert into notes values ('after its backup')");
    expect(await database.succeed<Backup>("now", "--type", "incremental")).toMatchObject({ type: "incremental" });
    await database.psql("insert into notes values ('only in the WAL')");
    expect(await database.succeed("verify")).toMatchObject({ ok: true });
    await database.kill();
    expect((await database.restore("latest", { volume })).problem).toBeUndefined();
    expect(await notes()).toBe("before, on the second timeline, after its backup, only in the WAL");
    expect((await database.restore("name:before", { volume })).problem).toBeUndefined();
    expect(await notes()).toBe("before");
  });

  test("an agent that was away too long says so, and begins anew with a full backup", async () => {
    const database = await startOwn("away", { server: ["max_slot_wal_keep_size=32MB", "max_wal_size=64MB"] });
    await database.psql("create table notes (note text)");
    await database.succeed("now", "--type", "full");
    await dockerOutput(["kill", database.agent]);
    for (let index = 0; index < 8; index++) {
      await database.psql("insert into notes values ('while nobody looked'); select pg_switch_wal(); checkpoint");
    }
    expect(await database.psql("select wal_status from pg_replication_slots")).toBe("lost");
    await database.startAgent();
    await database.untilReady();
    const archive = async () => (await database.succeed<{ archive: object }>("status")).archive;
    const isTold = async () =>
      expect(await archive()).toMatchObject({ ok: false, failing: expect.stringMatching(/lost/) });
    await vi.waitFor(isTold, { timeout: 60_000, interval: 500 });
    await database.psql("insert into notes values ('in the gap'); select pg_switch_wal()");
    const isNamed = async () =>
      expect((await database.command("verify")).problem).toMatch(/WAL without a gap: \d+ segments missing/);
    await vi.waitFor(isNamed, { timeout: 60_000, interval: 500 });
    expect(await database.succeed<Backup>("now", "--type", "incremental")).toMatchObject({ type: "full" });
    expect(await archive()).toMatchObject({ ok: true, failing: null });
    await database.psql("insert into notes values ('after it')");
    await dockerOutput(["exec", database.agent, "sleep", "2"]);
    expect((await database.restore("latest")).problem).toBeUndefined();
    expect(await database.askRestored("select count(*) from notes where note = 'after it'")).toBe("1");
  });
});
