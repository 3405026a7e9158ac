import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { BackupStatus } from "../../../../images/backup/src/contract.ts";
import { backupNotes } from "../../../../scripts/status/backup.ts";
import type { StackStatus } from "../../../../scripts/status/collect.ts";
import { render, status } from "../../../../scripts/status/command.ts";
import { inspected, notThere } from "../../../support/container-state.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import type { FakeAnswers } from "../../../support/fake-programs.ts";
import { fakeStacks, lettaOutputs, without } from "../../../support/fake-stacks.ts";

/** Bytes of every database, or undefined while Postgres is down. */
const postgres = vi.hoisted(() => ({ size: undefined as number | undefined }));
vi.mock("../../../../infra/lib/postgres/connect.ts", () => ({
  withPostgres: async (_url: string, work: (client: object) => unknown) => {
    if (postgres.size === undefined) throw new Error("connection refused");
    return work({ query: async () => ({ rows: [{ size: String(postgres.size) }] }) });
  },
}));

const options = { lettaStack: "letta", thothStack: "thoth", scope: "all", json: false } as const;

/** A Letta with three agents, which asks for its password. */
async function startLettaServer(): Promise<string> {
  const server = createServer((request, response) => {
    const isKnown = request.headers.authorization === `Bearer ${lettaOutputs.serverPassword}`;
    response.statusCode = isKnown ? 200 : 401;
    response.end(request.url === "/v1/agents/count" ? "3" : '{"version": "0.16.8", "status": "ok"}');
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What the backup agent says; nothing is wrong but for the changes. */
const backupStatus = (changes: Partial<BackupStatus> = {}): BackupStatus => ({
  serving: true,
  running: null,
  lastBackup: { label: "20261124-020603F", type: "full", bytes: 42_176_193, at: minuteAgo(), seconds: 1 },
  nextBackupAt: null,
  archive: { ok: true, lastArchivedAt: null, failing: null, queue: 0 },
  lossSeconds: 12.3,
  verify: null,
  drill: null,
  drillOverdue: false,
  offsite: { configured: false },
  problems: [],
  ...changes,
});
const agentAnswer = (changes: Partial<BackupStatus> = {}) => ({
  stdout: `{"event":"log","line":"one moment"}\n${JSON.stringify({ event: "result", value: backupStatus(changes) })}\n`,
});

const minuteAgo = () => new Date(Date.now() - 65_000).toISOString();

const ofLetta = "stack output --json --show-secrets --stack letta";

interface Changes {
  readonly docker?: FakeAnswers;
  readonly pulumi?: FakeAnswers;
  readonly letta?: string;
  readonly isPostgresDown?: boolean;
}

/** Both stacks with all that status asks; everything is healthy but for the changes. */
async function bothStacks(changes: Changes = {}) {
  postgres.size = changes.isPostgresDown ? undefined : 8_388_608;
  const server = changes.letta ?? (await startLettaServer());
  const outputs = { ...lettaOutputs, urls: { ...lettaOutputs.urls, server } };
  const running = inspected({ StartedAt: minuteAgo() }, { image: "thoth-letta/redis:8-0123456789ab" });
  const docker = { "container inspect": running, "exec letta-backup backup status": agentAnswer(), exec: {} };
  fakeStacks({
    docker: { ...changes.docker, ...docker, ...changes.docker },
    pulumi: { ...changes.pulumi, [ofLetta]: { stdout: JSON.stringify(outputs) }, ...changes.pulumi },
  });
  return { server };
}

async function jsonStatus(scope: "all" | "letta" | "thoth" = "all") {
  const deps = fakeDeps();
  const exitCode = await status({ ...options, scope, json: true }, deps);
  expect(deps.printed).toHaveLength(1);
  return { exitCode, ...(JSON.parse(deps.printed[0] ?? "") as { healthy: boolean; stacks: StackStatus[] }) };
}

describe("status", () => {
  test("of healthy stacks has exit code 0, and is one JSON object", async () => {
    const { server } = await bothStacks();
    const { exitCode, healthy, stacks } = await jsonStatus();
    expect(exitCode).toBe(0);
    expect(healthy).toBe(true);
    const service = (name: string, rest: object = {}) => ({
      ...{ name, state: "running", health: "healthy", uptimeSeconds: expect.closeTo(65, -1) },
      ...{ image: "thoth-letta/redis:8-0123456789ab", version: "8", url: null },
      ...rest,
    });
    expect(stacks).toEqual([
      {
        name: "letta",
        isHealthy: true,
        services: [
          service("letta-postgres", { url: "127.0.0.1:3" }),
          service("letta-backup"),
          service("letta-drill"),
          service("letta-redis"),
          service("letta-server", { url: server, version: "0.16.8" }),
          service("letta-nginx", { url: "http://127.0.0.1:2" }),
        ],
        agents: 3,
        databaseBytes: { letta: 8_388_608, thoth: 8_388_608 },
        backup: expect.objectContaining({ lossSeconds: 12.3, problems: [] }),
        notes: [
          "agents: 3",
          "databases: letta 8.0 MiB, thoth 8.0 MiB",
          "images: built on this machine",
          expect.stringMatching(/^backups: last 1 min( \d s)? ago \(full, 40\.2 MiB\); loss window 12 s$/),
          "drill: none yet",
          "no off-site copy",
        ],
      },
      {
        name: "thoth",
        isHealthy: true,
        services: [
          service("thoth-api", { url: "http://127.0.0.1:4" }),
          service("thoth-mcp", { url: "http://127.0.0.1:5" }),
          service("thoth-discovery"),
          service("thoth-monitor"),
        ],
        notes: ["vault: /srv/vault", "this is the stand-in, not the real Thoth: set thoth-letta:repository"],
      },
    ]);
  });

  test.each([
    ["stopped", inspected({ Status: "exited" }), { state: "exited", health: "-", uptimeSeconds: null }],
    ["gone", notThere, { state: "missing", health: "-", uptimeSeconds: null, image: null, version: null }],
  ])("of a stack with a container that is %s has exit code 1", async (_, answer, expected) => {
    await bothStacks({ docker: { "container inspect letta-redis": answer } });
    const { exitCode, healthy, stacks } = await jsonStatus();
    expect([exitCode, healthy]).toEqual([1, false]);
    expect(stacks.map(({ isHealthy }) => isHealthy)).toEqual([false, true]);
    expect(stacks[0]?.services.find((service) => service.name === "letta-redis")).toMatchObject(expected);
  });

  test("asks the service now: Docker's last verdict does not count", async () => {
    await bothStacks({ docker: { "exec thoth-mcp check -q": { exitCode: 1 } } });
    const { exitCode, stacks } = await jsonStatus();
    expect(exitCode).toBe(1);
    expect(stacks[1]?.services.map(({ health }) => health)).toEqual(["healthy", "unhealthy", "healthy", "healthy"]);
  });

  const problem = "Postgres cannot archive its WAL: 000000010000000000000001";
  test.each<[string, Changes, object, string]>([
    [
      "a Letta that does not answer",
      { letta: "http://127.0.0.1:1" },
      { agents: null },
      "agents: unknown, Letta does not answer",
    ],
    [
      "a Postgres that does not answer",
      { isPostgresDown: true },
      { databaseBytes: null },
      "databases: unknown, Postgres does not answer",
    ],
    [
      "backups with a problem",
      { docker: { "exec letta-backup backup status": agentAnswer({ problems: [problem] }) } },
      { backup: expect.objectContaining({ problems: [problem] }) },
      `backup problem: ${problem}`,
    ],
    [
      "a backup agent that does not answer",
      { docker: { "exec letta-backup backup status": { exitCode: 1, stderr: "no such container" } } },
      { backup: null },
      "backups: unknown, the agent does not answer",
    ],
  ])("of %s has exit code 1 and names it, though all containers are healthy", async (_, changes, expected, note) => {
    await bothStacks(changes);
    const { exitCode, stacks } = await jsonStatus();
    expect(exitCode).toBe(1);
    expect(stacks.map(({ isHealthy }) => isHealthy)).toEqual([false, true]);
    expect(stacks[0]).toMatchObject(expected);
    expect(stacks[0]?.notes).toContain(note);
  });

  test.each([
    ["are turned off", { enabled: false }, "no backups: thoth-letta:backup.enabled is false"],
    [
      "came with a later version than the stack",
      undefined,
      "no backups yet: an older version brought this stack up, make letta-start",
    ],
  ])("of backups that %s says so, and has exit code 0", async (_, backup, note) => {
    const server = await startLettaServer();
    const outputs = { ...lettaOutputs, backup, urls: { ...lettaOutputs.urls, server } };
    const answer = { stdout: JSON.stringify({ ...outputs, containers: ["letta-postgres", "letta-nginx"] }) };
    await bothStacks({ pulumi: { [ofLetta]: answer } });
    const { exitCode, stacks } = await jsonStatus("letta");
    expect(exitCode).toBe(0);
    expect(stacks.map(({ name }) => name)).toEqual(["letta"]);
    expect(stacks[0]?.notes.at(-1)).toBe(note);
    expect(stacks[0]).not.toHaveProperty("backup");
  });

  test("of stacks that are not there names the commands that bring them up", async () => {
    await bothStacks({ pulumi: without("letta", "thoth") });
    const { exitCode, stacks } = await jsonStatus();
    expect(exitCode).toBe(1);
    expect(stacks).toEqual([
      { name: "letta", isHealthy: false, services: [], notes: ["never brought up: make letta-start"] },
      { name: "thoth", isHealthy: false, services: [], notes: ["never brought up: make thoth-start"] },
    ]);
  });

  test("of thoth without its letta says so", async () => {
    await bothStacks({ pulumi: without("letta") });
    const { stacks } = await jsonStatus("thoth");
    expect(stacks.map(({ name }) => name)).toEqual(["thoth"]);
    expect(stacks[0]?.notes).toContain("the letta stack it stands on is gone");
  });

  test("contains no secret", async () => {
    await bothStacks();
    const deps = fakeDeps();
    await status(options, deps);
    await status({ ...options, json: true }, deps);
    expect(deps.printed.join("\n")).not.toMatch(/server-password|:pw@/);
  });
});

describe("the lines about backups", () => {
  const now = Date.parse("2026-11-24T12:00:00Z");
  const drill = { ok: true, at: "2026-11-24T04:47:00Z", seconds: 6.4 } as NonNullable<BackupStatus["drill"]>;
  const offsite = { configured: true, lastPushAt: "2026-11-24T11:58:30Z", problem: null } as const;
  const lastBackup = { label: "a", type: "incremental", bytes: 1536, at: "2026-11-24T06:17:00Z", seconds: 1 } as const;

  test.each<[string, Partial<BackupStatus>, string[]]>([
    [
      "show the age of the last backup, drill and copy, and the loss window",
      { lastBackup, drill, offsite, lossSeconds: 4.9 },
      [
        "backups: last 5 h 43 min ago (incremental, 1.5 KiB); loss window 4 s",
        "drill: ok, 7 h 13 min ago, in 6 s",
        "off-site copy: last 1 min 30 s ago",
      ],
    ],
    [
      "say plainly what does not exist",
      { lastBackup: null, lossSeconds: null, offsite: { ...offsite, lastPushAt: null, problem: "no route to host" } },
      ["backups: none yet; loss window unknown", "drill: none yet", "off-site copy: none yet"],
    ],
    [
      "show a failed drill, and each problem",
      { lastBackup: null, drill: { ...drill, ok: false }, problems: ["one", "two"] },
      [
        "backups: none yet; loss window 12 s",
        "drill: FAILED, 7 h 13 min ago, in 6 s",
        "no off-site copy",
        "backup problem: one",
        "backup problem: two",
      ],
    ],
  ])("%s", (_, changes, lines) => {
    expect(backupNotes(backupStatus(changes), now)).toEqual(lines);
  });
});

test("a stack is a heading, a table if it was ever brought up, and notes", () => {
  const service = { name: "letta-redis", state: "running", health: "healthy", image: "redis:8", version: "8" } as const;
  const exited = { name: "letta-nginx", state: "exited", health: "-", uptimeSeconds: null, version: null } as const;
  const services = [
    { ...service, uptimeSeconds: 3700, url: null },
    { ...service, ...exited, url: "http://a" },
  ];
  const lines = render({ name: "letta", isHealthy: false, services, notes: ["agents: 3"] });
  expect(lines.map((line) => line.trimEnd())).toEqual([
    "stack letta: NOT healthy",
    "┌─────────────┬─────────┬─────────┬───────────┬─────────┬──────────┐",
    "│ service     │ state   │ health  │ up        │ version │ address  │",
    "│ letta-redis │ running │ healthy │ 1 h 1 min │ 8       │ -        │",
    "│ letta-nginx │ exited  │ -       │ -         │ -       │ http://a │",
    "└─────────────┴─────────┴─────────┴───────────┴─────────┴──────────┘",
    "  agents: 3",
    "",
  ]);
  expect(render({ name: "letta", isHealthy: false, services: [], notes: ["never brought up"] })).toEqual([
    "stack letta: NOT healthy",
    "  never brought up",
    "",
  ]);
});
