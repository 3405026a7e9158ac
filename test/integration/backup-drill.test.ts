import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { docker, dockerOutput } from "../../infra/lib/docker/engine.ts";
import { copyLive } from "../support/backed-up-postgres.ts";
import { sharedStacks } from "../support/shared-stacks.ts";

const stacks = sharedStacks();
const repository = () => `${stacks.letta}-backup`;

interface Drill {
  readonly ok: boolean;
  readonly target: string | null;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
  readonly problem: string | null;
}

/** Runs a command of the agent; returns its last event. */
async function agent<Value>(container: string, ...args: string[]): Promise<{ value: Value; problem?: string }> {
  const { stdout } = await docker(["exec", container, "backup", ...args]);
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}");
}

/** Two backups with writes in between, and a heartbeat that needs WAL written after the last one. */
beforeAll(async () => {
  await agent(repository(), "now", "--type", "full");
  await stacks.psql(
    "create table if not exists drilled (n int); insert into drilled select generate_series(1, 20000)",
    "thoth",
  );
  await stacks.psql("select pg_switch_wal(); select pg_sleep(1); insert into drilled values (0)", "thoth");
  await newHeartbeat();
});

/** Nothing may be left in Thoth's database that Thoth cannot read: a dump as Thoth fails then. */
afterAll(() => stacks.psql("drop table drilled", "thoth"));

/** Waits for a restore point after everything written so far. */
async function newHeartbeat(): Promise<void> {
  const started = new Date().toISOString();
  const isArchived = async () => {
    const file = await dockerOutput(["exec", repository(), "cat", "/var/lib/backup/status/heartbeats.json"]);
    const beats = JSON.parse(file) as { at: string; point?: string; isRecoverable: boolean }[];
    expect(beats.some(({ at, point, isRecoverable }) => at > started && point && isRecoverable)).toBe(true);
  };
  await vi.waitFor(isArchived, { timeout: 180_000, interval: 500 });
}

/** Runs a drill on a damaged copy of the repository, with the stack's own settings or changed ones, in a prepared container. */
async function drillOnCopy(damage: string, settings: { recoveryKey?: string } = {}, prepare = "true"): Promise<Drill> {
  const name = `${stacks.letta}-drilled`;
  const image = (await dockerOutput(["inspect", "--format", "{{.Config.Image}}", repository()])).trim();
  const own = await dockerOutput(["exec", repository(), "cat", "/run/thoth-letta/backup.json"]);
  const changed = JSON.stringify({ ...JSON.parse(own), ...settings, drillOnStart: false });
  const copy = ["-v", `${repository()}:/from:ro`, "-v", `${name}:/var/lib/backup`];
  const script = `set -eu; ${copyLive("/from", "/var/lib/backup")}; cd /var/lib/backup/pgbackrest; ${damage}`;
  try {
    await dockerOutput(["run", "--rm", ...copy, "--entrypoint", "bash", image, "-c", script]);
    const mounts = ["-v", `${name}:/var/lib/backup:ro`, "-v", `${name}-scratch:/scratch`];
    const start = `${prepare}; cat >/run/settings.json; exec backup --settings /run/settings.json serve-drill`;
    const run = ["run", "-i", "--name", name, "--network", "none", ...mounts, "--entrypoint", "sh", image, "-c", start];
    const serving = docker(run, { input: changed });
    await vi.waitFor(() => dockerOutput(["exec", name, "backup", "health"]), { timeout: 120_000, interval: 200 });
    const { value } = await agent<Drill>(name, "drill");
    await docker(["rm", "--force", "--volumes", name]);
    await serving;
    return value;
  } finally {
    await docker(["rm", "--force", "--volumes", name]);
    await docker(["volume", "rm", "--force", name, `${name}-scratch`]);
  }
}

/** From the segment of the drill's own target on: nothing archived later makes up for it. */
const firstLost = `node -p '
  const beats = require("/var/lib/backup/status/heartbeats.json");
  const [high, low] = beats.findLast((beat) => beat.isRecoverable && beat.rows).lsn.split("/");
  high.padStart(8, "0") + (parseInt(low, 16) >>> 24).toString(16).toUpperCase().padStart(8, "0")'`;
// After the timeline, the first eight digits of its name.
const lostSegments = `first=$(${firstLost})
  segments=$(for path in archive/main/17-1/*/*.zst; do
    name=$(basename "$path"); [[ "\${name:8:16}" < "$first" ]] || echo "$path"
  done)`;
const newestBackup = "backup=backup/main/$(ls backup/main | grep -E '^[0-9]{8}-[0-9]{6}F' | sort | tail -1)";

describe("a drill", () => {
  test("passes on a sound repository: rows, indexes, pages, Letta's tables", async () => {
    const drill = await drillOnCopy("true");
    expect(drill).toMatchObject({ ok: true, problem: null, target: expect.stringMatching(/^hb_/) });
    expect(drill.checks.map(({ name }) => name)).toEqual([
      "extensions",
      "amcheck",
      "Letta's tables",
      "heartbeat",
      "row counts",
      "page checksums",
    ]);
    expect(drill.checks.find(({ name }) => name === "Letta's tables")?.detail).toMatch(/\d+ agents/);
  });

  test("fails where the extensions are older than those of the backup", async () => {
    const older =
      "sed -i \"s/^default_version.*/default_version = '0.1.0'/\" /usr/share/postgresql/*/extension/vector.control";
    const drill = await drillOnCopy("true", {}, older);
    expect(drill.ok).toBe(false);
    const [extensions] = drill.checks;
    expect(extensions).toMatchObject({ name: "extensions", ok: false });
    expect(extensions?.detail).toMatch(/letta: vector [\d.]+, this image has 0\.1\.0/);
  });

  test("fails when a WAL segment is missing", async () => {
    const drill = await drillOnCopy(`${lostSegments}; rm $segments`);
    expect(drill).toMatchObject({
      ok: false,
      problem: expect.stringContaining("ends, or is damaged, before the target"),
    });
  });

  test("fails when a WAL segment is torn", async () => {
    const tear = 'for segment in $segments; do truncate -s $(( $(stat -c %s "$segment") / 2 )) "$segment"; done';
    const drill = await drillOnCopy(`${lostSegments}; ${tear}`);
    expect(drill).toMatchObject({ ok: false, problem: expect.stringContaining("before the target") });
  });

  test("fails when one byte of a backup is changed", async () => {
    const flip =
      'for file in "$backup"/bundle/*; do printf X | dd of="$file" bs=1 seek=$(( $(stat -c %s "$file") / 2 )) conv=notrunc status=none; done';
    const drill = await drillOnCopy(`${newestBackup}; ${flip}`);
    expect(drill).toMatchObject({ ok: false, problem: expect.stringMatching(/backup .+ is damaged/) });
  });

  test("fails with another key", async () => {
    const drill = await drillOnCopy("true", { recoveryKey: "x".repeat(44) });
    expect(drill).toMatchObject({ ok: false, problem: expect.stringContaining("the recovery key is another") });
  });
});
