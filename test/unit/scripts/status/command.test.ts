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
import { agentResult, fakeStacks, lettaOutputs, thothOutputs, without } from "../../../support/fake-stacks.ts";

/** Bytes of every database, or undefined while Postgres is down. */
const postgres = vi.hoisted(() => ({ size: undefined as number | undefined }));
vi.mock("../../../../infra/lib/postgres/connect.ts", () => ({
  withPostgres: async (_url: string, work: (client: object) => unknown) => {
    if (postgres.size === undefined) throw new Error("connection refused");
    return work({ query: async () => ({ rows: [{ size: String(postgres.size) }] }) });
  },
}));

/** A Letta with three agents, which asks for its password. */
async function startLettaServer(providers: readonly object[]): Promise<string> {
  const answers: Readonly<Record<string, string>> = {
    "/v1/agents/count": "3",
    "/v1/admin/models?ask=false": JSON.stringify({ providers }),
  };
  const server = createServer((request, response) => {
    const isKnown = request.headers.authorization === `Bearer ${lettaOutputs.serverPassword}`;
    response.statusCode = isKnown ? 200 : 401;
    response.end(answers[request.url ?? ""] ?? '{"version": "0.16.8", "status": "ok"}');
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const minuteAgo = () => new Date(Date.now() - 65_000).toISOString();

/** What the backup agent says; nothing is wrong but for the changes. */
const backupStatus = (changes: Partial<BackupStatus> = {}): BackupStatus => ({
  ...{ serving: true, running: null, nextBackupAt: null, verify: null, drill: null, drillOverdue: false, problems: [] },
  lastBackup: { label: "20261124-020603F", type: "full", bytes: 42_176_193, at: minuteAgo(), seconds: 1 },
  archive: { ok: true, lastArchivedAt: null, failing: null, queue: 0 },
  lossSeconds: 12.3,
  pointInTime: null,
  offsite: { configured: false },
  ...changes,
});

interface Changes {
  readonly docker?: FakeAnswers;
  readonly pulumi?: FakeAnswers;
  /** Outputs of the letta stack. */
  readonly letta?: object;
  readonly isPostgresDown?: boolean;
  /** What Letta found at its model providers. */
  readonly providers?: readonly object[];
}

/** The status as JSON of two stacks in which everything is healthy but for the changes. */
async function jsonStatus(changes: Changes = {}, scope: "all" | "letta" | "thoth" = "all") {
  postgres.size = changes.isPostgresDown ? undefined : 8_388_608;
  const server = await startLettaServer(changes.providers ?? []);
  const outputs = { ...lettaOutputs, urls: { ...lettaOutputs.urls, server }, ...changes.letta };
  const ofLetta = { "stack output --json --show-secrets --stack letta": { stdout: JSON.stringify(outputs) } };
  const agent = agentResult(backupStatus());
  const docker = {
    "container inspect": inspected({ StartedAt: minuteAgo() }, { image: "thoth-letta/redis:8-0123456789ab" }),
    "exec letta-backup backup status": { stdout: `{"event":"log","line":"one moment"}\n${agent.stdout}` },
    exec: {},
  };
  fakeStacks({
    docker: { ...changes.docker, ...docker, ...changes.docker },
    pulumi: { ...changes.pulumi, ...ofLetta, ...changes.pulumi },
  });
  const deps = fakeDeps();
  const options = { lettaStack: "letta", thothStack: "thoth", scope };
  const exitCode = await status({ ...options, json: true }, deps);
  const [json = ""] = deps.printed;
  await status({ ...options, json: false }, deps);
  const found = JSON.parse(json) as { healthy: boolean; stacks: StackStatus[] };
  return { exitCode, server, printed: deps.printed.join("\n"), ...found };
}

describe("status", () => {
  test("of healthy stacks has exit code 0, is one JSON object, and contains no secret", async () => {
    const { exitCode, healthy, stacks, server, printed } = await jsonStatus();
    expect([exitCode, healthy]).toEqual([0, true]);
    const row = { state: "running", health: "healthy", image: "thoth-letta/redis:8-0123456789ab" };
    for (const service of stacks.flatMap(({ services }) => services)) {
      expect(service).toMatchObject({ ...row, uptimeSeconds: expect.closeTo(65, -1) });
    }
    expect(stacks.map(({ services }) => services.map(({ name, version, url }) => [name, version, url]))).toEqual([
      [
        ["letta-postgres", "8", "127.0.0.1:3"],
        ...["letta-backup", "letta-drill", "letta-redis"].map((name) => [name, "8", null]),
        ["letta-server", "0.16.8", server],
        ["letta-nginx", "8", "http://127.0.0.1:2"],
      ],
      [
        ["thoth-letta-proxy", "8", null],
        ["thoth-api", "8", "http://127.0.0.1:4"],
        ["thoth-mcp", "8", "http://127.0.0.1:5"],
        ...["thoth-discovery", "thoth-monitor"].map((name) => [name, "8", null]),
      ],
    ]);
    expect(stacks[0]).toMatchObject({ agents: 3, databaseBytes: { letta: 8_388_608, thoth: 8_388_608 } });
    expect(stacks.map(({ notes }) => notes)).toEqual([
      [
        "agents: 3",
        "databases: letta 8.0 MiB, thoth 8.0 MiB",
        "images: built on this machine",
        expect.stringMatching(/^backups: last 1 min( \d s)? ago \(full, 40\.2 MiB\); loss window 12 s$/),
        "drill: none yet",
        "no off-site copy",
      ],
      ["vault: /srv/vault", "this is the stand-in, not the real Thoth: set thoth-letta:repository"],
    ]);
    expect(printed).not.toMatch(/server-password|:pw@/);
  });

  test.each([
    ["stopped", inspected({ Status: "exited" }), { state: "exited", health: "-", uptimeSeconds: null }],
    ["gone", notThere, { state: "missing", health: "-", uptimeSeconds: null, image: null, version: null }],
  ])("of a stack with a container that is %s has exit code 1", async (_, answer, expected) => {
    const { exitCode, healthy, stacks } = await jsonStatus({ docker: { "container inspect letta-redis": answer } });
    expect([exitCode, healthy]).toEqual([1, false]);
    expect(stacks.map(({ isHealthy }) => isHealthy)).toEqual([false, true]);
    expect(stacks[0]?.services.find((service) => service.name === "letta-redis")).toMatchObject(expected);
  });

  const checked = (ExitCode: number, secondsAgo: number) => {
    const Log = [{ ExitCode, End: new Date(Date.now() - secondsAgo * 1000).toISOString() }];
    return inspected({ StartedAt: minuteAgo(), Health: { Status: "healthy", Log } });
  };
  test.each([
    ["that passed a moment ago counts", checked(0, 1), "healthy"],
    ["that failed is repeated", checked(1, 1), "unhealthy"],
    ["that is old is repeated", checked(0, 60), "unhealthy"],
  ])("a check of Docker's %s", async (_, answer, health) => {
    const docker = { "container inspect thoth-mcp": answer, "exec thoth-mcp": { exitCode: 1 } };
    const { stacks } = await jsonStatus({ docker });
    expect(stacks[1]?.services.find(({ name }) => name === "thoth-mcp")?.health).toBe(health);
  });

  test("asks the service now: Docker's last verdict does not count", async () => {
    const { exitCode, stacks } = await jsonStatus({ docker: { "exec thoth-mcp check -q": { exitCode: 1 } } });
    expect(exitCode).toBe(1);
    expect(stacks[1]?.services.map(({ health }) => health)).toEqual([
      ...["healthy", "healthy", "unhealthy", "healthy", "healthy"],
    ]);
  });

  test.each([
    [3, 10, "unhealthy"],
    [3, 600, "healthy"],
    [2, 10, "healthy"],
  ])(
    "of a program that Docker restarted %i times, the last one %i s ago, is %s",
    async (restartCount, seconds, health) => {
      const StartedAt = new Date(Date.now() - seconds * 1000).toISOString();
      const state = inspected({ StartedAt }, { restartCount });
      const { stacks } = await jsonStatus({ docker: { "container inspect thoth-monitor": state } });
      expect(stacks[1]?.services.at(-1)).toMatchObject({ name: "thoth-monitor", health });
    },
  );

  describe("of a container with all roles", () => {
    const roles = ["api", "mcp", "discovery", "monitor"];
    const outputs = {
      ...thothOutputs,
      containers: ["thoth-letta-proxy", "thoth-all-in-one"],
      roles: Object.fromEntries(roles.map((role) => [role, "thoth-all-in-one"])),
    };
    const pulumi = { "stack output --json --show-secrets --stack thoth": { stdout: JSON.stringify(outputs) } };
    const check = "exec thoth-all-in-one sh /run/thoth-letta/all-in-one-health.sh";

    test("has a row for each role, with its address", async () => {
      const { exitCode, stacks, printed } = await jsonStatus({ pulumi }, "thoth");
      expect(exitCode).toBe(0);
      expect(stacks[0]?.services[1]).toMatchObject({ name: "thoth-all-in-one", state: "running", url: null });
      expect(stacks[0]?.services[1]?.roles?.map(({ name, health, url }) => [name, health, url])).toEqual([
        ["api", "healthy", "http://127.0.0.1:4"],
        ["mcp", "healthy", "http://127.0.0.1:5"],
        ...["discovery", "monitor"].map((name) => [name, "healthy", null]),
      ]);
      expect(printed).toMatch(/│ {3}mcp +│ running │ healthy │ +│ +│ http:\/\/127.0.0.1:5 +│/);
    });

    test("says for which role it was started again", async () => {
      const restarted = inspected({ StartedAt: minuteAgo() }, { restartCount: 1 });
      const logs = { stdout: "api | bye\nmcp | role ended with exit code 7: the container ends\n" };
      const docker = { "container inspect thoth-all-in-one": restarted, "logs --timestamps --tail": logs };
      const { exitCode, stacks } = await jsonStatus({ pulumi, docker }, "thoth");
      expect(exitCode).toBe(0);
      expect(stacks[0]?.notes).toContain(
        "thoth-all-in-one ended once since its last start; the last time, role mcp ended with exit code 7",
      );
    });

    test("says which of its roles are red", async () => {
      const red = { exitCode: 1, stdout: "mcp: no answer\n" };
      const docker = { "exec thoth-all-in-one check": red, [`${check} mcp`]: red };
      const { exitCode, stacks } = await jsonStatus({ pulumi, docker }, "thoth");
      expect(exitCode).toBe(1);
      expect(stacks[0]?.services[1]).toMatchObject({ health: "unhealthy" });
      expect(stacks[0]?.services[1]?.roles?.map(({ health }) => health)).toEqual([
        ...["healthy", "unhealthy", "healthy", "healthy"],
      ]);
    });
  });

  const ofModels = { name: "gpu", kind: "vllm", url: "http://gpu:8000/v1", models: [], embeddings: [] };
  const silent = { ...ofModels, problem: { cause: "unresolved", detail: "" } };
  const noModels = `models: gpu gives nothing: the name gpu is unknown inside the container\n    fix: check models.gpu.url`;
  const problems = ["Postgres cannot archive its WAL: 000000010000000000000001"];
  const agent = (answer: FakeAnswers[string]) => ({ docker: { "exec letta-backup backup status": answer } });
  test.each<[Changes, object, string]>([
    [{ letta: { urls: lettaOutputs.urls } }, { agents: null }, "agents: unknown, Letta does not answer within 2 s"],
    [{ isPostgresDown: true }, { databaseBytes: null }, "databases: unknown, Postgres does not answer within 2 s"],
    [agent(agentResult(backupStatus({ problems }))), {}, `backup problem: ${problems[0]}`],
    [{ providers: [silent] }, { models: [silent] }, noModels],
    [agent({ exitCode: 1 }), { backup: null }, "backups: unknown, the agent does not answer"],
  ])("has exit code 1 though all containers are healthy: %#", async (changes, expected, note) => {
    const { exitCode, stacks } = await jsonStatus(changes);
    expect(exitCode).toBe(1);
    expect(stacks.map(({ isHealthy }) => isHealthy)).toEqual([false, true]);
    expect(stacks[0]).toMatchObject(expected);
    expect(stacks[0]?.notes).toContain(note);
  });

  const upgrade = "no backups yet: an older version brought this stack up, make letta-start";
  test.each([
    ["are turned off", { enabled: false }, "no backups: thoth-letta:backup.enabled is false"],
    ["came with a later version than the stack", undefined, upgrade],
  ])("of backups that %s says so, and has exit code 0", async (_, backup, note) => {
    const letta = { backup, containers: ["letta-postgres", "letta-nginx"] };
    const { exitCode, stacks } = await jsonStatus({ letta }, "letta");
    expect(exitCode).toBe(0);
    expect(stacks.map(({ name }) => name)).toEqual(["letta"]);
    expect(stacks[0]?.notes.at(-1)).toBe(note);
    expect(stacks[0]).not.toHaveProperty("backup");
  });

  test("of stacks that are not there names the commands that bring them up", async () => {
    const { exitCode, stacks } = await jsonStatus({ pulumi: without("letta", "thoth") });
    expect(exitCode).toBe(1);
    expect(stacks.map(({ services, notes }) => [services, notes])).toEqual([
      [[], ["never brought up: make letta-start"]],
      [[], ["never brought up: make thoth-start"]],
    ]);
  });

  test("of thoth without its letta says so", async () => {
    const { stacks } = await jsonStatus({ pulumi: without("letta") }, "thoth");
    expect(stacks.map(({ name }) => name)).toEqual(["thoth", "letta"]);
    expect(stacks[0]?.notes).toContain("the letta stack it stands on is gone");
  });
});

test("the lines about backups show ages, the loss window and problems, and plainly what does not exist", () => {
  const notes = (changes: Partial<BackupStatus>) =>
    backupNotes(backupStatus(changes), Date.parse("2026-11-24T12:00:00Z"));
  const drill = { ok: true, at: "2026-11-24T04:47:00Z", seconds: 6.4 } as NonNullable<BackupStatus["drill"]>;
  const offsite = { configured: true, lastPushAt: "2026-11-24T11:58:30Z", problem: null } as const;
  const lastBackup = { label: "a", type: "incremental", bytes: 1536, at: "2026-11-24T06:17:00Z", seconds: 1 } as const;
  expect(notes({ lastBackup, drill, offsite, lossSeconds: 4.9 })).toEqual([
    "backups: last 5 h 43 min ago (incremental, 1.5 KiB); loss window 4 s",
    "drill: ok, 7 h 13 min ago, in 6 s",
    "off-site copy: last 1 min 30 s ago",
  ]);
  const none = { lastBackup: null, lossSeconds: null, offsite: { ...offsite, lastPushAt: null } };
  expect(notes({ ...none, drill: { ...drill, ok: false }, problems: ["one", "two"] })).toEqual([
    "backups: none yet; loss window unknown",
    "drill: FAILED, 7 h 13 min ago, in 6 s",
    "off-site copy: none yet",
    "backup problem: one",
    "backup problem: two",
  ]);
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
  const withoutTable = ["stack letta: NOT healthy", "  never brought up", ""];
  expect(render({ name: "letta", isHealthy: false, services: [], notes: ["never brought up"] })).toEqual(withoutTable);
});
