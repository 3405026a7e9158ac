import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { paths } from "../../images/backup/src/contract.ts";
import { dockerOutput } from "../../infra/lib/docker/engine.ts";
import { localReference } from "../../infra/lib/images.ts";
import { root } from "../../scripts/lib/checkout.ts";
import { BackedUpPostgres } from "../support/backed-up-postgres.ts";
import { ownPrefix } from "../support/shared-stacks.ts";

/** The agent's image is Postgres' own with more in it. */
const image = localReference("backup", root);
const database = new BackedUpPostgres(
  `${ownPrefix()}-agent`,
  { postgres: image, backup: image },
  { settings: { archiveSeconds: 1, heartbeatSeconds: 1 } },
);

interface Backup {
  readonly label: string;
  readonly type: string;
  readonly startedAt: string;
  readonly stoppedAt: string;
  readonly bytes: number;
}

interface Restored {
  readonly label: string;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}

const again = `${database.restored}-again`;
let full: Backup;
let time = "";
/** The last WAL segment that was complete before the restores. */
let segment = "";

beforeAll(async () => {
  await database.start();
  await database.psql("create table notes (note text)");
  await database.psql("insert into notes select 'in the full backup' from generate_series(1, 20000)");
  full = await database.succeed<Backup>("now", "--type", "full");
});
afterAll(() => database.remove());

const restoredNotes = async (volume?: string) =>
  (await database.askRestored("select note || ': ' || count(*) from notes group by note order by 1", volume)).split(
    "\n",
  );

/** Restores, and requires that every check of the restored cluster passed. */
async function restore(target: string, volume = database.restored): Promise<Restored> {
  const { value, problem } = await database.restore<Restored>(target, { volume });
  expect(problem).toBeUndefined();
  expect(value.checks.filter(({ ok }) => !ok)).toEqual([]);
  return value;
}

test("an idle database soon has a restore point after its newest backup, for a drill to restore", async () => {
  const isThere = async () => {
    const file = await dockerOutput(["exec", database.agent, "cat", `${paths.status}/heartbeats.json`]);
    const beats = JSON.parse(file) as { at: string; point?: string; isRecoverable: boolean }[];
    expect(beats.some(({ at, point, isRecoverable }) => at > full.stoppedAt && point && isRecoverable)).toBe(true);
  };
  await vi.waitFor(isThere, { timeout: 120_000, interval: 200 });
});

test("two backups asked for at once are made one after the other, each of what changed since the last", async () => {
  await database.psql("insert into notes select 'in the first increment' from generate_series(1, 300)");
  const [first, second] = await Promise.all([
    database.succeed<Backup>("now", "--type", "incremental"),
    database.succeed<Backup>("now", "--type", "incremental"),
  ]);
  const [before, after] = [first, second].sort((a, b) => (a.startedAt < b.startedAt ? -1 : 1)) as [Backup, Backup];
  expect(after.startedAt >= before.stoppedAt).toBe(true);
  for (const { type, label, bytes } of [before, after]) {
    expect([type, label]).toEqual(["incremental", expect.stringMatching(new RegExp(`^${full.label}_\\d{8}-\\d{6}I$`))]);
    expect(bytes).toBeLessThan(full.bytes / 2);
  }
});

describe("a restore", () => {
  beforeAll(async () => {
    await database.psql("insert into notes values ('before the point')");
    await database.succeed("point", "good");
    await database.psql("insert into notes values ('before the time')");
    // pgBackRest's targets and labels have whole seconds.
    await database.psql("select pg_sleep(1.1)");
    time = await database.psql(`select to_char(now() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`);
    await database.psql("select pg_sleep(1.1); insert into notes values ('oops')");
    segment = await database.psql("select pg_walfile_name(pg_switch_wal())");
    await database.psql("insert into notes values ('at the end')");
    // All of it is archived once this returns.
    await database.succeed("point", "end");
  });

  test("to the latest state goes through increments and the WAL after them", async () => {
    expect((await restore("latest")).label).toMatch(/F_.*I$/);
    expect(await restoredNotes()).toEqual([
      "at the end: 1",
      "before the point: 1",
      "before the time: 1",
      "in the first increment: 300",
      "in the full backup: 20000",
      "oops: 1",
    ]);
  });

  test("to a time or a named point brings back nothing after it", async () => {
    await restore(`time:${time}`);
    const atTime = await restoredNotes();
    expect(atTime).toContain("before the time: 1");
    expect(atTime).not.toContain("oops: 1");
    await restore("name:good");
    const atPoint = await restoredNotes();
    expect(atPoint).toContain("before the point: 1");
    expect(atPoint).not.toContain("before the time: 1");
  });

  test("with another key opens nothing", async () => {
    const settings = { recoveryKey: "another-key-of-44-letters-0000000000000000000" };
    expect((await database.restore("latest", { settings, volume: again })).problem).toContain(
      "the recovery key is another",
    );
  });
});

describe("the repository", () => {
  test("verifies, and nothing in it can be read without the key", async () => {
    expect(await database.succeed("verify")).toMatchObject({ ok: true });
    const plain = `grep -rlE 'PostgreSQL database|in the full backup' ${paths.pgbackrest} || true`;
    expect(await database.shell(plain)).toBe("");
  });

  const damaged = (damage: string) => database.copyRepository(`wal=$(find archive -name '${segment}-*'); ${damage}`);

  test("that lacks a segment fails its verification, and a restore does not pass for the latest state", async () => {
    const repository = await damaged('rm "$wal"');
    expect(await database.verifyCopy(repository)).toMatch(/WAL without a gap: /);
    const { value } = await database.restore<Restored>("latest", { repository, volume: again });
    expect(value.checks.filter(({ ok }) => !ok).map(({ name }) => name)).toContain("end of the WAL");
  });

  test("with one changed byte in a segment fails its verification", async () => {
    const flip = 'printf X | dd of="$wal" bs=1 seek=$(( $(stat -c %s "$wal") / 2 )) conv=notrunc status=none';
    expect(await database.verifyCopy(await damaged(flip))).toMatch(/checksums of the repository: /);
  });
});

test("a restored cluster resumes in the same repository on its own timeline", async () => {
  await database.kill();
  // As the restore to the point left it.
  await database.startPostgres(database.restored);
  await database.startAgent(database.restored);
  await database.untilReady();
  await database.psql("insert into notes values ('on the second timeline')");
  await database.succeed("point", "second");
  const notes = async () => (await restoredNotes(again)).filter((note) => !note.startsWith("in the"));
  // Until the second timeline has its own backup, a restore goes through the first one to it.
  await restore("latest", again);
  expect(await notes()).toEqual(["before the point: 1", "on the second timeline: 1"]);
  await database.succeed<Backup>("now", "--type", "incremental");
  await database.psql("insert into notes values ('after its backup')");
  await database.succeed("point", "end-of-second");
  expect(await database.succeed("verify")).toMatchObject({ ok: true });
  await restore("latest", again);
  expect(await notes()).toEqual(["after its backup: 1", "before the point: 1", "on the second timeline: 1"]);
  await restore("name:good", again);
  expect(await notes()).toEqual(["before the point: 1"]);
});
