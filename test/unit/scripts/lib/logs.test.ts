import { describe, expect, test } from "vitest";
import type { Deps } from "../../../../scripts/lib/deps.ts";
import { type LogsOptions, showLogs } from "../../../../scripts/lib/logs.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { type FakeAnswers, fakePrograms } from "../../../support/fake-programs.ts";
import { lettaOutputs, thothOutputs } from "../../../support/fake-stacks.ts";

const options = { follow: false, tail: "100" };
const lettaLogs = (given: Omit<LogsOptions, "containers">, deps: Deps) =>
  showLogs({ ...given, containers: lettaOutputs.containers }, deps);
const thothLogs = (given: Omit<LogsOptions, "containers">, deps: Deps) =>
  showLogs({ ...given, containers: thothOutputs.containers }, deps);
const lines = (...texts: string[]) => texts.map((text) => `${text}\n`).join("");
const bothStacks = (docker: FakeAnswers) => fakePrograms({ docker });
const logsOf = (calls: readonly string[]) => calls.filter((call) => call.startsWith("docker logs")).sort();

describe("the logs of a stack", () => {
  test("are of all its services, both streams, in the order of time, without the timestamps", async () => {
    const programs = bothStacks({
      "logs --timestamps --tail 100 letta-postgres": {
        stdout: lines("2026-01-01T00:00:01.000000000Z first", "2026-01-01T00:00:04.000000000Z fourth"),
        stderr: lines("2026-01-01T00:00:02.000000000Z second"),
      },
      "logs --timestamps --tail 100 letta-server": { stdout: lines("2026-01-01T00:00:03.000000000Z third one") },
      logs: {},
    });
    const deps = fakeDeps();
    expect(await lettaLogs(options, deps)).toBe(0);
    expect(deps.printed).toEqual([
      "letta-postgres | first",
      "letta-postgres | second",
      "letta-server   | third one",
      "letta-postgres | fourth",
    ]);
    expect(logsOf(programs.calls())).toEqual([
      "docker logs --timestamps --tail 100 letta-backup",
      "docker logs --timestamps --tail 100 letta-drill",
      "docker logs --timestamps --tail 100 letta-nginx",
      "docker logs --timestamps --tail 100 letta-postgres",
      "docker logs --timestamps --tail 100 letta-redis",
      "docker logs --timestamps --tail 100 letta-server",
    ]);
  });

  test.each(["nginx", "letta-nginx"])("can be of one service, by the name %s", async (service) => {
    const programs = bothStacks({ logs: { stdout: lines("2026-01-01T00:00:01.000000000Z GET /") } });
    const deps = fakeDeps();
    expect(await lettaLogs({ ...options, service, tail: "5", since: "10m" }, deps)).toBe(0);
    expect(logsOf(programs.calls())).toEqual(["docker logs --timestamps --tail 5 --since 10m letta-nginx"]);
    expect(deps.printed).toEqual(["letta-nginx | GET /"]);
  });

  test("of a service that is not there name those that are", async () => {
    const programs = bothStacks({});
    const deps = fakeDeps();
    expect(await thothLogs({ ...options, service: "web" }, deps)).toBe(2);
    expect(deps.printed).toEqual(['no service "web"; there are thoth-api, thoth-mcp, thoth-discovery, thoth-monitor']);
    expect(logsOf(programs.calls())).toEqual([]);
  });

  test("of Thoth are of its roles", async () => {
    const programs = bothStacks({ logs: {} });
    expect(await thothLogs({ ...options, service: "api" }, fakeDeps())).toBe(0);
    expect(logsOf(programs.calls())).toEqual(["docker logs --timestamps --tail 100 thoth-api"]);
  });

  test("hide passwords", async () => {
    bothStacks({
      logs: {
        stdout: lines("2026-01-01T00:00:01.000000000Z connecting to postgresql://thoth:s3cret-pw@db:5432/thoth"),
      },
    });
    const deps = fakeDeps();
    await thothLogs({ ...options, service: "api" }, deps);
    expect(deps.printed).toEqual(["thoth-api | connecting to postgresql://thoth:[redacted]@db:5432/thoth"]);
  });

  test("can be followed, as they come and just as redacted", async () => {
    const programs = bothStacks({
      "logs --follow": { stdout: lines("one", "redis://:s3cret-pw@db"), stderr: lines("two") },
    });
    const deps = fakeDeps();
    expect(await lettaLogs({ ...options, service: "redis", follow: true }, deps)).toBe(0);
    expect(programs.calls().at(-1)).toBe("docker logs --follow --tail 100 letta-redis");
    expect(deps.printed).toEqual(["letta-redis | one", "letta-redis | redis://:[redacted]@db", "letta-redis | two"]);
  });
});
