import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { root } from "../../../../../scripts/lib/checkout.ts";
import { settleUnchanged } from "../../../../../scripts/lib/last-update/unchanged.ts";
import type { StateResource } from "../../../../../scripts/lib/state-file.ts";
import { fakeDeps } from "../../../../support/fake-deps.ts";
import { type FakeAnswer, fakePrograms } from "../../../../support/fake-programs.ts";

const container: StateResource = { urn: "container", type: "docker:index/container:Container", id: "id-1" };
const kinds = readdirSync(join(root, "infra/providers")).map((file) => file.replace(/\.ts$/, ""));

/** A resource of a provider's, whose methods are these instead of its own. */
function resource(kind: string, provider: object, dependencies: string[] = ["container"]): StateResource {
  const path = `../../../../../infra/providers/${kind}.ts`;
  vi.doMock(path, () => ({ default: provider }));
  onTestFinished(() => vi.doUnmock(path));
  return { urn: kind, type: `pulumi-nodejs:dynamic/thoth-letta:${kind}`, id: kind, dependencies };
}

const current = { diff: async () => ({ changes: false }) };
const drifted = { diff: async () => ({ changes: true }) };

/** Settles a stack with one container and these resources; by default the container is there and runs. */
async function settle(resources: StateResource[], rows = "id-1\tletta-server\trunning\n", start: FakeAnswer = {}) {
  const programs = fakePrograms({ docker: { "ps --all": { stdout: rows }, start } });
  const deps = fakeDeps();
  const isSettled = await settleUnchanged(deps, "letta", { outputs: {}, resources: [container, ...resources] });
  return {
    isSettled,
    printed: deps.printed,
    started: programs.calls().filter((call) => call.startsWith("docker start")),
  };
}

test("a stack of which nothing has changed needs no update", async () => {
  expect(await settle(kinds.map((kind) => resource(kind, current)))).toEqual({
    isSettled: true,
    printed: [],
    started: [],
  });
});

describe("drift is left to an update", () => {
  test.each(kinds.filter((kind) => kind !== "readiness"))("of %s", async (kind) => {
    expect((await settle([resource(kind, drifted)])).isSettled).toBe(false);
  });

  test.each([
    ["is gone", ""],
    ["is another one of that name", "id-2\tletta-server\trunning\n"],
    ["has company that the state does not know", "id-1\tletta-server\trunning\nid-2\tletta-redis\trunning\n"],
  ])("of a container that %s", async (_, rows) => {
    expect((await settle([], rows)).isSettled).toBe(false);
  });
});

test("a container that cannot start is left to an update, which names what is in the way", async () => {
  const start = { exitCode: 1, stderr: "Error response from daemon: bind: address already in use" };
  expect((await settle([], "id-1\tletta-server\texited\n", start)).isSettled).toBe(false);
});

describe("a container that is not ready", () => {
  const waiting = () => ({ ...drifted, update: vi.fn(async () => ({ outs: {} })) });

  test("is waited for", async () => {
    const readiness = waiting();
    expect((await settle([resource("readiness", readiness)])).isSettled).toBe(true);
    expect(readiness.update).toHaveBeenCalledOnce();
  });

  test("is not waited for when what it depends on has drifted", async () => {
    const readiness = waiting();
    const resources = [resource("database", drifted), resource("readiness", readiness, ["database"])];
    expect((await settle(resources)).isSettled).toBe(false);
    expect(readiness.update).not.toHaveBeenCalled();
  });

  test("fails the start with its own words", async () => {
    const fails = { ...drifted, update: () => Promise.reject(new Error("letta-server stopped instead of answering")) };
    await expect(settle([resource("readiness", fails)])).rejects.toThrow("stopped instead of answering");
  });
});

test("stopped containers are started together before anything is asked", async () => {
  const readiness = { diff: vi.fn(current.diff) };
  const second: StateResource = { ...container, urn: "second", id: "id-2" };
  const rows = "id-1\tletta-server\texited\nid-2\tletta-redis\tcreated\n";
  const { isSettled, printed, started } = await settle([second, resource("readiness", readiness)], rows);
  expect(isSettled).toBe(true);
  expect(started.sort()).toEqual(["docker start id-1", "docker start id-2"]);
  expect(printed).toEqual(["starting letta-server, letta-redis"]);
});
