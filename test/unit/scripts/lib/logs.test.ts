import { describe, expect, test } from "vitest";
import { type LogsOptions, showLogs } from "../../../../scripts/lib/logs.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { type FakeAnswers, fakePrograms } from "../../../support/fake-programs.ts";
import { lettaOutputs } from "../../../support/fake-stacks.ts";

const lines = (...texts: string[]) => texts.map((text) => `${text}\n`).join("");
const at = (second: number, text: string) => `2026-01-01T00:00:0${second}.000000000Z ${text}`;

async function logs(options: Partial<LogsOptions>, docker: FakeAnswers) {
  const programs = fakePrograms({ docker });
  const deps = fakeDeps();
  const { containers } = lettaOutputs;
  const exitCode = await showLogs({ follow: false, tail: "100", containers, ...options }, deps);
  return { exitCode, printed: deps.printed, calls: programs.calls().sort() };
}

describe("the logs of a stack", () => {
  test("are of all its services, both streams, in the order of time, without the timestamps", async () => {
    const { exitCode, printed, calls } = await logs(
      {},
      {
        "logs --timestamps --tail 100 letta-postgres": {
          stdout: lines(at(1, "first"), at(4, "fourth")),
          stderr: lines(at(2, "second")),
        },
        "logs --timestamps --tail 100 letta-server": { stdout: lines(at(3, "third one")) },
        logs: {},
      },
    );
    expect(exitCode).toBe(0);
    expect(printed).toEqual([
      "letta-postgres | first",
      "letta-postgres | second",
      "letta-server   | third one",
      "letta-postgres | fourth",
    ]);
    const names = [...lettaOutputs.containers].sort();
    expect(calls).toEqual(names.map((name) => `docker logs --timestamps --tail 100 ${name}`));
  });

  test.each(["nginx", "letta-nginx"])("can be of one service, by the name %s, and hide passwords", async (service) => {
    const stdout = lines(at(1, "connecting to postgresql://thoth:s3cret-pw@db:5432/thoth"));
    const { printed, calls } = await logs({ service, tail: "5", since: "10m" }, { logs: { stdout } });
    expect(calls).toEqual(["docker logs --timestamps --tail 5 --since 10m letta-nginx"]);
    expect(printed).toEqual(["letta-nginx | connecting to postgresql://thoth:[redacted]@db:5432/thoth"]);
  });

  test("of a service that is not there name those that are", async () => {
    expect(await logs({ service: "web", containers: ["thoth-api", "thoth-mcp"] }, {})).toEqual({
      ...{ exitCode: 2, calls: [] },
      printed: ['no service "web"; there are thoth-api, thoth-mcp'],
    });
  });

  describe("of one role of several in a container", () => {
    const containers = ["thoth-letta-proxy", "thoth-all-in-one"];
    const ofOne = { containers, roles: { api: "thoth-all-in-one", mcp: "thoth-all-in-one" }, service: "api" };
    const stdout = lines(at(1, "api | one"), at(2, "mcp | api | other"), at(3, "api | two"), at(4, "api | three"));

    test("are the last lines that the role has printed", async () => {
      const { exitCode, printed } = await logs({ ...ofOne, tail: "2" }, { "logs --timestamps --tail all": { stdout } });
      expect([exitCode, printed]).toEqual([0, ["thoth-all-in-one | api | two", "thoth-all-in-one | api | three"]]);
      expect((await logs({ ...ofOne, tail: "0" }, { logs: { stdout } })).printed).toEqual([]);
    });

    test("are followed from the last lines that the role has printed", async () => {
      const follow = { stdout: lines("api | two", "mcp | other", "api | three", "api | four") };
      const answers = { "logs --timestamps": { stdout }, "logs --follow": follow };
      const { printed, calls } = await logs({ ...ofOne, tail: "2", follow: true }, answers);
      expect(calls[0]).toBe("docker logs --follow --since 2026-01-01T00:00:03.000000000Z thoth-all-in-one");
      expect(printed).toEqual(["two", "three", "four"].map((text) => `thoth-all-in-one | api | ${text}`));
      const silent = await logs({ ...ofOne, follow: true }, { "logs --timestamps": {}, "logs --follow": follow });
      expect(silent.calls[0]).toBe("docker logs --follow --tail 0 thoth-all-in-one");
    });

    test("name roles and containers where there is no such one", async () => {
      const { printed } = await logs({ ...ofOne, service: "web" }, {});
      expect(printed).toEqual(['no service "web"; there are thoth-letta-proxy, thoth-all-in-one, api, mcp']);
    });
  });

  test("can be followed, as they come and just as redacted", async () => {
    const all = { stdout: lines("one", "redis://:s3cret-pw@db"), stderr: lines("two") };
    expect(await logs({ service: "redis", follow: true }, { "logs --follow": all })).toEqual({
      ...{ exitCode: 0, calls: ["docker logs --follow --tail 100 letta-redis"] },
      printed: ["letta-redis | one", "letta-redis | redis://:[redacted]@db", "letta-redis | two"],
    });
  });
});
