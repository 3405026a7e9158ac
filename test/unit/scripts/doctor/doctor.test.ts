import { describe, expect, test, vi } from "vitest";
import type { ContainerState } from "../../../../infra/lib/docker/engine.ts";
import { lettaNames } from "../../../../infra/lib/names.ts";
import { type Check, examineAll, type Finding } from "../../../../scripts/doctor/check.ts";
import { checks } from "../../../../scripts/doctor/checks.ts";
import { doctor, render } from "../../../../scripts/doctor/doctor.ts";
import type { Patient } from "../../../../scripts/doctor/patient.ts";
import { engineDown, inspected } from "../../../support/container-state.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import type { FakeAnswer } from "../../../support/fake-programs.ts";
import { fakeStacks, lettaOutputs, networkOf, thothOutputs } from "../../../support/fake-stacks.ts";

vi.mock("../../../../infra/lib/letta/probe.ts", () => ({ probeLetta: async () => [] }));

/** How two stacks differ from healthy ones. */
interface Changes {
  /** Start of a command line of docker -> what it prints. */
  readonly docker?: Readonly<Record<string, string>>;
  readonly containers?: Readonly<Record<string, FakeAnswer | undefined>>;
  /** Container -> what its health check prints. */
  readonly unhealthy?: Readonly<Record<string, string>>;
  readonly members?: readonly string[];
  /** Rows of any query. */
  readonly rows?: string[][];
  /** Operations of a preview. */
  readonly preview?: readonly string[];
  readonly patient?: Partial<Patient>;
}

const allContainers = [...lettaOutputs.containers, ...thothOutputs.containers];
const stateOf = (answer: FakeAnswer | undefined) =>
  answer === undefined ? undefined : (JSON.parse(answer.stdout ?? "") as ContainerState[])[0];

function patientWith({ docker = {}, containers = {}, unhealthy = {}, ...changes }: Changes): Patient {
  const answer = async (args: readonly string[]) => {
    const line = args.join(" ");
    const start = Object.keys(docker).find((key) => line.startsWith(key));
    if (start === undefined) throw new Error(`no answer to: docker ${line}`);
    return docker[start];
  };
  const engine = {
    dockerOutput: answer,
    lastLogLines: async () => [docker.logs ?? ""],
    runHealthCheck: async (name: string) => unhealthy[name],
    networkContainers: async () => changes.members ?? allContainers,
  };
  const steps = (changes.preview ?? []).map((op, index) => ({ op, urn: `urn:pulumi:letta::p::t::resource-${index}` }));
  const $ = () => async () => ({ exitCode: 0, stdout: JSON.stringify({ steps }), stderr: "" });
  return {
    deps: { engine, $, projectDirectory: "/nowhere" } as unknown as Patient["deps"],
    ...{ stacks: { letta: "letta", thoth: "thoth" }, names: lettaNames("letta") },
    ...{ engineProblem: undefined, stateProblem: undefined, letta: lettaOutputs, thoth: thothOutputs },
    containers: new Map(
      allContainers.map((name) => [name, stateOf(name in containers ? containers[name] : inspected())]),
    ),
    available: new Set(),
    backup: async () => null,
    rows: async () => changes.rows ?? [],
    ...changes.patient,
  };
}

async function found(id: string, changes: Changes = {}): Promise<readonly Finding[]> {
  const check = checks.find((one) => one.id === id);
  if (check === undefined) throw new Error(`no check ${id}`);
  return check.find(patientWith(changes));
}

const disk = (bytes: string, inodes: string) => ({
  "exec letta-postgres df -P -B1": `Filesystem 1B-blocks Used Available\n/dev/vda ${bytes} 50% /data\n`,
  "exec letta-postgres df -P -i": `Filesystem Inodes IUsed IFree\n/dev/vda ${inodes} 50% /data\n`,
});

describe("the doctor finds", () => {
  test.each<[what: string, id: string, changes: Changes, problem: RegExp]>([
    ["an engine that is off", "engine", { patient: { engineProblem: "it is off\n  fix: start it" } }, /^it is off$/],
    ["a wrong passphrase", "state", { patient: { stateProblem: "incorrect passphrase" } }, /^incorrect passphrase$/],
    ["a stack that never came up", "stacks", { patient: { thoth: undefined } }, /^stack thoth was never brought up$/],
    [
      "too little memory",
      "memory",
      { docker: { info: "4294967296\n", "inspect --format {{.HostConfig.Memory}}": "3221225472\n3221225472\n" } },
      /^the containers may use 6.0 GiB together; the engine has 4.0 GiB$/,
    ],
    ["a full disk", "disk", { docker: disk("100000000000 0 1000000", "100 0 90") }, /^976.6 KiB of 93.1 GiB are free/],
    ["no inodes", "disk", { docker: disk("100000000000 0 90000000000", "1000 0 10") }, /^10 inodes are free/],
    [
      "a clock that is behind",
      "clock",
      { docker: { "exec letta-postgres date": "1700000000\n" } },
      /clock is \d+ s away/,
    ],
    ["a missing container", "containers", { containers: { "letta-redis": undefined } }, /^letta-redis does not exist$/],
    [
      "a stopped container and the cause in its log",
      "containers",
      {
        containers: { "letta-postgres": inspected({ Status: "exited", ExitCode: 1 }) },
        docker: { logs: "No space left on device" },
      },
      /^letta-postgres is exited \(exit code 1\); likely cause: the disk is full/,
    ],
    [
      "a service that does not answer",
      "health",
      { unhealthy: { "thoth-mcp": "no answer" } },
      /^thoth-mcp does not answer: no answer$/,
    ],
    [
      "a crash loop",
      "restarts",
      { containers: { "thoth-api": inspected({}, { restartCount: 7 }) } },
      /^thoth-api crashed 7 times/,
    ],
    [
      "a container that left the network",
      "network",
      { members: ["thoth-letta-proxy", "thoth-api", "thoth-mcp", "thoth-monitor"] },
      /^thoth-discovery is not on network letta-network$/,
    ],
    [
      "a change that waits for an update",
      "drift",
      { preview: ["same", "read", "update", "replace"] },
      /would change 2 resources: update resource-2, replace resource-3$/,
    ],
    [
      "a mount of another volume",
      "volumes",
      { docker: { "inspect --format {{range .Mounts}}": "letta-old letta-redis letta-home\n" } },
      /^letta-postgres has volumes letta-old, letta-redis, letta-home mounted, not letta-postgres$/,
    ],
    [
      "an older installation beside an empty Letta",
      "other-data",
      {
        rows: [["0"]],
        docker: { "volume ls": "letta-postgres\nold_letta_pgdata\ncache\n", "run --rm": "0/PG_VERSION\n" },
      },
      /volume old_letta_pgdata has a Postgres cluster/,
    ],
    ["another schema", "schema", { rows: [["def"]] }, /^the schema is def, not abc$/],
    [
      "an invalid index",
      "indexes",
      { rows: [["public", "ix_step_id"]] },
      /^index ix_step_id of database letta is not valid$/,
    ],
    [
      "an extension that is behind",
      "extensions",
      { rows: [["vector", "0.8.0", "0.8.7"]] },
      /^extension vector of database letta is 0.8.0; its files are 0.8.7$/,
    ],
    [
      "another collation",
      "collations",
      { rows: [["letta", "2.36", "2.41"]] },
      /^database letta was sorted by version 2.36/,
    ],
    [
      "a login at its limit",
      "connections",
      {
        rows: [
          ["Postgres", "10", "100"],
          ["role thoth", "25", "30"],
        ],
      },
      /^role thoth has 25 of 30 connections open$/,
    ],
    [
      "a forgotten transaction",
      "transactions",
      { rows: [["thoth", "thoth", "172.22.0.9", "42"]] },
      /open in database thoth for 42 min$/,
    ],
    [
      "a Letta without Redis",
      "redis",
      { docker: { "exec letta-server cat": "  0: 0100007F:205B 00000000:0000 0A\n" } },
      /^Letta has no connection to Redis$/,
    ],
    [
      "a run that was left behind",
      "runs",
      { rows: [["run-1", "agent-1", "5"]] },
      /^run-1 of agent-1 has been working for 5 h$/,
    ],
  ])("%s", async (_, id, changes, problem) => {
    const [first] = await found(id, changes);
    expect(first?.problem).toMatch(problem);
    expect(first?.fix).not.toBe("");
  });

  test.each(["containers", "health", "restarts", "network", "drift", "indexes", "extensions", "runs"])(
    "nothing in %s of healthy stacks",
    async (id) => expect(await found(id)).toEqual([]),
  );
});

const check = (id: string, find: Check["find"], needs: Check["needs"] = []): Check => ({
  ...{ id, needs, find, title: `title of ${id}`, why: `why of ${id}`, fix: "make up" },
});
const patient = { available: new Set() } as unknown as Patient;

test("a check that cannot ask is a warning, one that needs what is down is not asked, and neither hides an error", async () => {
  const examined = await examineAll(
    [
      check("broken", async () => Promise.reject(new Error("no route"))),
      check("waits", async () => [], ["postgres"]),
      check("red", async () => [{ severity: "error", problem: "it burns", fix: "make up" }]),
      check("fine", async () => []),
    ],
    patient,
  );
  expect(render(examined)).toEqual([
    ...["✖ red: it burns", "  why: why of red", "  fix: make up", ""],
    ...["⚠ broken: this check could not ask: no route", "  why: why of broken", "  fix: make status", ""],
    "not asked: waits (needs postgres)",
    "1 error, 1 warning; 1 of 4 checks found nothing",
  ]);
});

test("ids are unique, and every check says what holds, why, and what to do", () => {
  expect(new Set(checks.map(({ id }) => id)).size).toBe(checks.length);
  for (const { title, why, fix } of checks)
    for (const text of [title, why, fix]) expect(text.length).toBeGreaterThan(5);
});

test("with the engine off the rest is not asked, and the exit code is 2", async () => {
  fakeStacks({ docker: { version: engineDown } });
  const deps = fakeDeps();
  expect(await doctor({ lettaStack: "letta", thothStack: "thoth", json: true, fix: false }, deps)).toBe(2);
  const { worst, checks: all } = JSON.parse(deps.printed.join("")) as {
    worst: string;
    checks: { id: string; result: string }[];
  };
  expect(worst).toBe("error");
  expect(all.filter(({ result }) => result === "found").map(({ id }) => id)).toContain("engine");
  expect(all.filter(({ result }) => result === "skipped").length).toBeGreaterThan(20);
});

test("a container with all roles comes back to the network under the names of its roles", async () => {
  const all = { api: "thoth-all-in-one", mcp: "thoth-all-in-one" };
  const thoth = { ...thothOutputs, containers: ["thoth-all-in-one"], roles: all };
  const containers = new Map([["thoth-all-in-one", stateOf(inspected())]]);
  const [finding] = await found("network", { members: [], patient: { thoth, containers } });
  expect(finding?.fix).toBe(
    "docker network connect --alias thoth-api --alias thoth-mcp letta-network thoth-all-in-one",
  );
});

test("FIX=1 repairs what has no risk, and asks again", async () => {
  const connect = "network connect letta-network thoth-monitor";
  const { calls } = fakeStacks({
    docker: {
      "network inspect letta-network": [
        networkOf(...lettaOutputs.containers, "thoth-letta-proxy", "thoth-api", "thoth-mcp", "thoth-discovery"),
        networkOf(...allContainers),
      ],
      [connect]: {},
      exec: {},
      logs: {},
      info: { stdout: "0\n" },
      inspect: {},
      "volume ls": {},
    },
    pulumi: { "preview --json": { stdout: "{}" } },
  });
  const deps = fakeDeps();
  await doctor({ lettaStack: "letta", thothStack: "thoth", json: false, fix: true }, deps);
  expect(calls()).toContain(`docker ${connect}`);
  expect(deps.printed).toContain("fixing: thoth-monitor is not on network letta-network");
  expect(deps.printed.filter((line) => line.startsWith("✖ network"))).toEqual([]);
  expect(deps.told).toEqual([
    ["letta-page", "doctor", { at: expect.any(String), findings: expect.any(Array) }],
    ["letta-page", "operation", { at: expect.any(String), operation: null }],
  ]);
});
