import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type AdoptOptions, adopt } from "../../../../scripts/adopt/adopt.ts";
import type { Installation } from "../../../../scripts/adopt/installation.ts";
import { giveBack, makeWay, stopOld } from "../../../../scripts/adopt/make-way.ts";
import { type AdoptionRecord, readAdoption, saveAdoption } from "../../../../scripts/adopt/record.ts";
import { undoAdoption } from "../../../../scripts/adopt/undo.ts";
import { inspected, notThere } from "../../../support/container-state.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { fakeDocker } from "../../../support/fake-docker.ts";
import type { FakeAnswers } from "../../../support/fake-programs.ts";
import { fakeStacks } from "../../../support/fake-stacks.ts";

const old: Installation = {
  cluster: { volume: "letta-postgres", image: "pgvector/pgvector:pg15" },
  containers: [
    { name: "letta-server", wasRunning: true, movedTo: "letta-server-before-adoption" },
    { name: "notes-db", wasRunning: false, movedTo: "notes-db", startsWithEngine: true },
  ],
  networks: [
    {
      id: "old-network",
      name: "letta-network",
      subnets: ["172.22.0.0/16"],
      labels: { "com.docker.compose.project": "thoth" },
      endpoints: [
        { container: "letta-server", aliases: ["letta"], isClient: false },
        { container: "notes", aliases: [], address: "172.22.0.9", isClient: true },
      ],
    },
  ],
  variables: {},
};
const record: AdoptionRecord = {
  ...{ stack: "letta", thothStack: "thoth", id: "20261128120000", phase: "moving", old, without: [], replace: false },
};
const options: AdoptOptions = {
  ...{ stack: "letta", thothStack: "thoth", without: [], replace: false, dryRun: false, drainSeconds: 0, yes: false },
};

describe("the names that the stacks need", () => {
  const changes = (calls: readonly string[]) => calls.filter((call) => !/inspect|^GET /.test(call));

  test("are given free: containers stop and are renamed, networks go once nobody is on them", async () => {
    const docker = fakeDocker({
      "container inspect letta-server-before-adoption": notThere,
      "container inspect notes-db": inspected({ Running: false }),
      "container inspect letta-server": inspected(),
      "network inspect --format {{.Id}} letta-network": { stdout: "old-network\n" },
      ...{ stop: {}, update: {}, rename: {}, "network disconnect": {}, "network rm": {} },
    });
    const deps = fakeDeps();
    await stopOld(deps, old);
    await makeWay(deps, old);
    expect(changes(docker.calls())).toEqual([
      "stop --time 30 letta-server",
      "update --restart unless-stopped notes-db",
      "rename letta-server letta-server-before-adoption",
      "network disconnect --force letta-network letta-server-before-adoption",
      "network disconnect --force letta-network notes",
      "network rm letta-network",
    ]);
  });

  test("stay with this project's own containers and networks, which have them after a killed run", async () => {
    const own = inspected({}, { labels: { "thoth-letta.prefix": "letta" } });
    const docker = fakeDocker({
      "container inspect notes-db": inspected({ Running: false }),
      "container inspect letta-server-before-adoption": inspected({ Running: false }),
      "container inspect": own,
      "network inspect": { stdout: "new-network\n" },
      update: {},
    });
    await stopOld(fakeDeps(), old);
    await makeWay(fakeDeps(), old);
    expect(changes(docker.calls())).toEqual(["update --restart unless-stopped notes-db"]);
  });

  test("go back: containers, then networks as they were, then what ran is started", async () => {
    const docker = fakeDocker({
      "container inspect": inspected({ Running: false }),
      "network inspect letta-network": { exitCode: 1, stderr: "Error: No such network: letta-network" },
      ...{ rename: {}, "network create": {}, "network connect": {}, update: {}, start: {} },
    });
    await giveBack(fakeDeps(), old);
    expect(changes(docker.calls())).toEqual([
      "rename letta-server-before-adoption letta-server",
      "network create --label com.docker.compose.project=thoth --subnet 172.22.0.0/16 letta-network",
      "network connect --alias letta letta-network letta-server",
      "network connect --ip 172.22.0.9 letta-network notes",
      "update --restart always notes-db",
      "start letta-server",
    ]);
  });
});

/** An engine on which an older installation runs, and no stack. */
function engineWithOld(docker: FakeAnswers = {}) {
  const container = {
    ...{ Id: "1", Name: "/letta-postgres", Image: "sha256:1", State: { Running: true } },
    Config: { Image: "pgvector/pgvector:pg15", Labels: null, Env: null },
    Mounts: [{ Type: "volume", Name: "letta-postgres", Source: "/x", Destination: "/var/lib/postgresql/data" }],
    HostConfig: {},
    NetworkSettings: { Networks: {} },
  };
  return fakeStacks({
    docker: {
      "GET /containers/json": { stdout: '[{"Id": "1"}]' },
      "container inspect 1": { stdout: JSON.stringify([container]) },
      "container inspect letta-postgres-before-adoption": notThere,
      "container inspect letta-postgres": inspected(),
      ...docker,
      "network inspect": { exitCode: 1 },
      "volume inspect": {},
    },
    pulumi: { "stack output": { stdout: "{}" } },
  });
}

describe("an adoption", () => {
  test.each([
    ["a dry run", { dryRun: true }, 0],
    ["one that the operator does not agree to", {}, 1],
  ])("that is %s prints the plan and changes nothing", async (_what, changes, exitCode) => {
    const { calls } = engineWithOld();
    const deps = fakeDeps();
    expect(await adopt({ ...options, ...changes }, deps)).toBe(exitCode);
    expect(deps.printed.join("\n")).toContain("letta-postgres: dumped to files, then copied; never written to");
    expect(calls().filter((call) => !/ inspect | output | ls|GET /.test(call))).toEqual([]);
    expect(existsSync(join(deps.projectDirectory, ".state"))).toBe(false);
  });

  test("that fails says both ways on, and goes on from its record, not from what the engine has by then", async () => {
    engineWithOld({ stop: { exitCode: 1, stderr: "the engine is busy" } });
    const deps = fakeDeps();
    await expect(adopt({ ...options, yes: true }, deps)).rejects.toThrow("the engine is busy");
    expect(deps.printed.at(-1)).toContain("make adopt goes on, make adopt-undo brings it back");
    expect(await readAdoption(deps, "letta")).toMatchObject({
      phase: "moving",
      old: { cluster: { volume: "letta-postgres" } },
    });

    const { calls } = engineWithOld({ stop: { exitCode: 1, stderr: "still busy" } });
    await expect(adopt(options, deps)).rejects.toThrow("still busy");
    expect(calls().filter((call) => call.includes("/containers/json"))).toEqual([]);
  });
});

/** A stack that is up with agents, next to an older installation. */
const withAgents: FakeAnswers = {
  "container inspect letta-postgres": inspected({}, { labels: { "thoth-letta.prefix": "letta" } }),
  "exec -i letta-postgres psql": { stdout: "7\n" },
};

describe("a stack that has agents already", () => {
  test("is told in the plan of a dry run", async () => {
    engineWithOld(withAgents);
    const deps = fakeDeps();
    expect(await adopt({ ...options, dryRun: true }, deps)).toBe(0);
    expect(deps.printed.join("\n")).toContain("the stack has 7 of its own, which are replaced and kept");
  });

  test("is refused before anything stops, unless they may be replaced", async () => {
    const { calls } = engineWithOld(withAgents);
    await expect(adopt({ ...options, yes: true }, fakeDeps())).rejects.toThrow("stack letta has agents already (7)");
    expect(calls().filter((call) => /docker (stop|rename|update|run)/.test(call))).toEqual([]);
  });
});

describe("a second run", () => {
  test("after an adoption is told of it, and changes nothing", async () => {
    const { calls } = fakeStacks();
    const deps = fakeDeps();
    await saveAdoption(deps, record, { phase: "adopted" });
    expect(await adopt(options, deps)).toBe(0);
    expect(deps.printed).toEqual([
      "stack letta has adopted letta-postgres already; to go back to it: make adopt-undo",
      "clients of Letta need an address and a token: make project-env NAME=thoth FOR=host SHOW=1",
      "next: make thoth-start",
    ]);
    expect(calls()).toEqual([]);
  });

  test.each([{ volume: "other" }, { replace: true }])(
    "with %o is refused, since it would lose the undo",
    async (more) => {
      const deps = fakeDeps();
      await saveAdoption(deps, record, { phase: "adopted" });
      await expect(adopt({ ...options, ...more }, deps)).rejects.toThrow("would leave it without its undo");
    },
  );

  test("brings Thoth up where the old one was, and says how when that fails", async () => {
    fakeStacks({ pulumi: { "stack ls": { stdout: "[]" } } });
    const deps = fakeDeps();
    const thoth = { vault: "/home/me/vault", ports: {} };
    await saveAdoption(deps, record, { phase: "adopted", old: { ...old, thoth } });
    await expect(adopt(options, deps)).rejects.toThrow(
      /Letta is adopted and up; Thoth does not come up[\s\S]*not set up[\s\S]*make thoth-start/,
    );
  });
});

test("what the operator adds to an interrupted adoption counts", async () => {
  engineWithOld({ stop: { exitCode: 1, stderr: "busy" } });
  const deps = fakeDeps();
  await saveAdoption(deps, record);
  const more = { image: "mine:15", without: ["notes"], replace: true };
  await expect(adopt({ ...options, ...more }, deps)).rejects.toThrow();
  const { volume } = old.cluster;
  const counted = { without: ["notes"], replace: true, old: { cluster: { volume, image: "mine:15" } } };
  expect(await readAdoption(deps, "letta")).toMatchObject(counted);
});

describe("its undo", () => {
  test("is refused where there was no adoption, or it was undone", async () => {
    const deps = fakeDeps();
    await expect(undoAdoption({ stack: "letta", yes: true }, deps)).rejects.toThrow("has no adoption to undo");
    await saveAdoption(deps, record, { phase: "undone" });
    await expect(undoAdoption({ stack: "letta", yes: true }, deps)).rejects.toThrow("has no adoption to undo");
  });

  test("asks, and says what comes back", async () => {
    const deps = fakeDeps();
    await saveAdoption(deps, record, { phase: "adopted" });
    expect(await undoAdoption({ stack: "letta", yes: false }, deps)).toBe(1);
    expect(deps.printed).toContain("  letta-server is back and runs");
    expect((await readAdoption(deps, "letta"))?.phase).toBe("adopted");
  });
});
