import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Agent } from "../../../images/backup/src/agent.ts";
import type { BackupEvent } from "../../../images/backup/src/contract.ts";
import { agentSettings, FakeWorld, silent } from "../../support/fake-world.ts";

/** A repository in which each `pgbackrest backup` adds one. */
async function agentIn(world = new FakeWorld(), backups: object[] = []) {
  const types: Record<string, string> = { full: "F", diff: "D", incr: "I" };
  const archive = [{ id: "17-1", max: "000000010000000000000004" }];
  world.answers["pgbackrest info"] = () =>
    JSON.stringify([{ archive, backup: backups, status: { code: 0, message: "ok" } }]);
  const make = (command: string) => {
    const type = /--type=(\w+)/.exec(command)?.[1] ?? "";
    const time = world.time / 1000;
    const facts = { info: { size: 100, delta: 10, repository: { delta: 1 } }, archive: { stop: null } };
    const timestamp = { start: time - 1, stop: time };
    backups.push({ label: `${backups.length}${types[type]}`, type, timestamp, ...facts });
    return "";
  };
  world.answers["pgbackrest backup"] = make;
  world.answers["nice -n 19 pgbackrest backup"] = make;
  world.answers["rclone obscure"] = "obscured";
  world.answers["pgbackrest verify"] = "status: ok";
  const agent = new Agent(world, agentSettings);
  await agent.load();
  await agent.prepare();
  const tick = async (hours = 0) => {
    world.time += hours * 3_600_000;
    world.calls.length = 0;
    await agent.tick();
    const done = /pgbackrest backup --type=(\w+)|rcat store:(letta-home|points)|pgbackrest (verify)/;
    return world.calls.flatMap((call) => done.exec(call)?.slice(1).filter(Boolean) ?? []);
  };
  return { world, agent, tick };
}

describe("by its schedule", () => {
  test("the first backup is a full one at once, then comes what else is due, and nothing twice", async () => {
    const { tick, world } = await agentIn();
    expect(await tick()).toEqual(["full"]);
    expect(world.calls.join("\n")).toContain(
      "pgbackrest backup --type=full --no-expire-auto --log-level-console=detail --start-fast",
    );
    expect(await tick()).toEqual(["points"]);
    expect(await tick()).toEqual([]);
    // 24 November 2026 is a Tuesday: 18:17 incremental, Wednesday 2:17 differential, Sunday 3:17 full.
    expect(await tick(6.5)).toEqual(["incr"]);
    expect(world.calls.join("\n")).toContain("nice -n 19 pgbackrest backup --type=incr");
    expect(await tick(8)).toEqual(["diff"]);
    expect(await tick(97)).toEqual(["full"]);
  });

  test("the repository is verified daily, but not on its first day", async () => {
    const { tick } = await agentIn();
    await tick();
    await tick();
    const done = [await tick(17), await tick(), await tick()].flat();
    expect(done).toEqual(["diff", "verify"]);
  });

  test("what failed is in the status, and is tried again after ten minutes", async () => {
    const { world, agent, tick } = await agentIn();
    const works = world.answers["pgbackrest backup"] ?? "";
    world.answers["pgbackrest backup"] = { exitCode: 32, lastLines: ["detail", "ERROR: [032]: no space left"] };
    expect(await tick()).toEqual(["full"]);
    expect((await agent.status()).problems.join("\n")).toMatch(
      /the last backup failed: .*exit code 32\n.*no space left/,
    );
    world.answers["pgbackrest backup"] = works;
    expect(await tick(0.1)).not.toContain("full");
    expect(await tick(0.1)).toEqual(["full"]);
    expect((await agent.status()).problems).toEqual([]);
  });

  test("nothing runs while Postgres does not answer", async () => {
    const { world, agent, tick } = await agentIn();
    world.answers["create schema"] = () => Promise.reject(new Error("connection refused"));
    await agent.beat();
    expect(await tick()).toEqual([]);
    expect((await agent.status()).problems).toContain("Postgres does not answer: connection refused");
  });
});

describe("on demand", () => {
  test("a full backup is followed by expiry, any other is not", async () => {
    const { world, agent } = await agentIn();
    expect(await agent.backup("full", "fast", silent)).toMatchObject({ label: "0F", type: "full", bytes: 10 });
    expect(world.calls).toContain("pgbackrest expire --repo1-retention-full-type=count --repo1-retention-full=2");
    world.calls.length = 0;
    await agent.backup("incremental", "fast", silent);
    expect(world.calls.join("\n")).not.toContain("pgbackrest expire");
  });

  test("a damaged repository fails its verification, and stays in the status over a restart", async () => {
    const { world, agent } = await agentIn();
    world.answers["pgbackrest verify"] = "status: error\n  backup: 1F, status: invalid";
    await expect(agent.verify(silent)).rejects.toThrow("the repository is damaged: checksums of the repository");
    const { agent: next } = await agentIn(world);
    expect((await next.status()).problems).toContainEqual(expect.stringContaining("the repository is damaged"));
  });

  test("a hold waits for the job before it, and keeps the next one waiting", async () => {
    const { world, agent } = await agentIn();
    const events: BackupEvent[] = [];
    const closed = Promise.withResolvers<void>();
    const backup = agent.backup("full", "fast", silent).then(() => events.push({ event: "log", line: "backed up" }));
    const hold = agent.hold((event) => events.push(event), closed.promise);
    await backup;
    const expiry = agent.expire((event) => events.push(event));
    await new Promise((resolve) => setTimeout(resolve, 20));
    world.calls.length = 0;
    expect(events.at(-1)).toEqual({ event: "step", title: "waiting for: export" });
    expect(events).toContainEqual({ event: "held" });
    closed.resolve();
    await Promise.all([hold, expiry]);
    expect(world.calls.join("\n")).toContain("pgbackrest expire");
  });
});

test("a repository that is not ready is a problem, and no backup is made", async () => {
  const world = new FakeWorld();
  const lastLines = ["ERROR: [028]: backup and archive info mismatch"];
  world.answers["pgbackrest stanza-create"] = { exitCode: 28, lastLines };
  const { agent, tick } = await agentIn(world);
  await expect(agent.health()).rejects.toThrow("the repository is not ready: pgbackrest ended with exit code 28");
  expect(await tick()).toEqual([]);
});

test("the stack's secrets are in the repository, and earlier ones stay", async () => {
  const { world } = await agentIn();
  const stored = (name: string) => readFileSync(join(world.paths.files, `${name}.bin`), "utf8");
  expect(JSON.parse(stored("keys.json"))).toEqual({ seed: "s" });
  const other = new Agent(world, { ...agentSettings, keys: { seed: "t" } });
  await other.prepare();
  expect(JSON.parse(stored("keys.json"))).toEqual({ seed: "t" });
  expect(JSON.parse(stored("keys/20261124T120000Z.json"))).toEqual({ seed: "s" });
});
