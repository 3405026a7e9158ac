import { join } from "node:path";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { Collector, type World } from "../../../images/page/src/collector.ts";
import type { Settings } from "../../../images/page/src/contract.ts";
import { RequestCounts } from "../../../images/page/src/gateway-log.ts";
import { MinuteHistory } from "../../../images/page/src/history.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const settings: Settings = {
  stack: "letta",
  tokenHashes: [],
  database: { user: "letta-page", password: "pw" },
  projects: { thoth: "user-1", notes: "user-2" },
  services: { "letta-postgres": "postgres", "letta-redis": "redis", "letta-page": "page" },
  gatewayAddress: "172.22.0.11",
};
const counts = {
  databaseBytes: { letta: 100, thoth: 10 },
  agents: { thoth: 2, notes: 0 },
  messages: { thoth: 30, notes: 0 },
};

/** A collector in a world where all is well but for the changes, at a time that only the test moves. */
function collector(changes: Partial<World> = {}) {
  const history = new MinuteHistory(join(temporaryFolder(), "history.db"));
  onTestFinished(() => history.close());
  const clock = { now: 10 * 60_000 };
  const world: World = {
    settings: () => settings,
    ask: async () => {},
    count: async () => counts,
    openRequests: async () => 3,
    backupNote: async () => undefined,
    note: async () => undefined,
    requests: new RequestCounts(),
    history,
    now: () => clock.now,
    ...changes,
  };
  return { collector: new Collector(world), world, clock };
}

test("a report has what was asked now", async () => {
  const { collector: one } = collector();
  expect(await one.report(0)).toMatchObject({
    services: Object.keys(settings.services).map((name) => ({ name, isHealthy: true })),
    projects: [
      { name: "thoth", agents: 2, messages: 30, lastRequest: null },
      { name: "notes", agents: 0, messages: 0, lastRequest: null },
    ],
    ...{ openRequests: 3, databaseBytes: counts.databaseBytes, backup: null, operation: null, problems: [] },
  });
});

test("a service that does not answer is red, with the reason and the command that brings it back", async () => {
  const refused = Object.assign(new Error("connect ECONNREFUSED 1.2.3.4:6379"), { code: "ECONNREFUSED" });
  const { collector: one } = collector({
    ask: async (service) => (service === "redis" ? Promise.reject(refused) : undefined),
  });
  const { services, problems } = await one.look();
  expect(services[1]).toEqual({ name: "letta-redis", isHealthy: false, problem: "nothing listens" });
  expect(problems).toEqual([
    { severity: "error", problem: "letta-redis does not work: nothing listens", fix: "make letta-start" },
  ]);
});

test("Postgres is red when it does not answer, not when it refuses the page", async () => {
  const down = collector({ count: () => Promise.reject(new Error("timeout")) });
  expect((await down.collector.look()).services[0]).toMatchObject({ isHealthy: false });
  const refusal = Object.assign(new pg.DatabaseError("password authentication failed", 1, "error"), { code: "28P01" });
  const closed = collector({ count: () => Promise.reject(refusal) });
  const { services, databaseBytes, projects } = await closed.collector.look();
  expect(services[0]).toMatchObject({ isHealthy: true });
  expect({ databaseBytes, agents: projects[0]?.agents }).toEqual({ databaseBytes: null, agents: null });
  const starting = Object.assign(new pg.DatabaseError("starting up", 1, "error"), { code: "57P03" });
  const early = collector({ count: () => Promise.reject(starting) });
  expect((await early.collector.look()).services[0]).toMatchObject({ isHealthy: false });
});

test("a minute is recorded once it is over: the share of good answers, the most open requests, the requests of each project", async () => {
  let isUp = true;
  let open = 1;
  const {
    collector: one,
    world,
    clock,
  } = collector({
    ask: async () => (isUp ? undefined : Promise.reject(new Error("down"))),
    openRequests: async () => open,
  });
  await one.look();
  world.requests.take("<190>Nov 29 02:00:00 gateway: thoth 200", 42);
  world.requests.take("<190>Nov 29 02:00:00 gateway: thoth 503", 43);
  [isUp, open] = [false, 9];
  clock.now += 20_000;
  await one.look();
  [isUp, open] = [true, 2];
  clock.now += 20_000;
  await one.look();
  expect((await one.report(0)).history).toEqual({});
  clock.now += 20_000;
  const { history } = await one.report(0);
  expect(history).toMatchObject({
    "up/letta-redis": [[10, expect.closeTo(2 / 3)]],
    "up/letta-postgres": [[10, 1]],
    open: [[10, 9]],
    "requests/thoth": [[10, 2]],
    "errors/thoth": [[10, 1]],
    "requests/notes": [[10, 0]],
    "database/letta": [[10, 100]],
  });
});

test("two browsers do not make it ask twice", async () => {
  let asked = 0;
  const { collector: one, clock } = collector({
    count: async () => {
      asked += 1;
      return counts;
    },
  });
  await Promise.all([one.report(0), one.report(0)]);
  expect(asked).toBe(1);
  clock.now += 5000;
  await one.report(0);
  expect(asked).toBe(2);
});

test("what only the host knows is shown as the commands left it", async () => {
  const finding = { severity: "warning", problem: "backups are off", fix: "make letta-start" } as const;
  const operation = { kind: "server-restore", phase: "copying", resume: "make restore-resume" };
  const notes = {
    doctor: { at: "2026-11-29T02:00:00Z", findings: [finding] },
    operation: { at: "2026-11-29T02:00:00Z", operation },
  };
  const { collector: one } = collector({ note: (async (name: keyof typeof notes) => notes[name]) as World["note"] });
  const { doctor, problems, operation: shown } = await one.look();
  expect({ doctor, shown }).toEqual({ doctor: notes.doctor, shown: operation });
  expect(problems).toEqual([expect.objectContaining({ fix: "make restore-resume" })]);
});

test("a project's last request is that of the log, or after a restart the minute of the history", async () => {
  const { collector: one, world } = collector();
  world.history.record(9, { "requests/notes": 1 });
  world.requests.take("<190>Nov 29 02:00:00 gateway: thoth 200", 599_000);
  world.requests.take("<190>Nov 29 02:00:00 gateway: letta-probe 200", 599_000);
  const { projects } = await one.look();
  expect(projects.map(({ lastRequest }) => lastRequest)).toEqual([
    "1970-01-01T00:09:59.000Z",
    "1970-01-01T00:09:00.000Z",
  ]);
});
