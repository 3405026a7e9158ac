import { describe, expect, test } from "vitest";
import type { ContainerState } from "../../../infra/lib/docker/engine.ts";
import { firstError, lastDistinct, likelyCause, tellingLines } from "../../../infra/lib/docker/likely-cause.ts";

const state = (part: Partial<ContainerState["State"]>) => ({ State: part }) as ContainerState;

test.each([
  ['FATAL: could not write to file "pg_wal": No space left on device', "the disk is full"],
  ["REFUSED: another Postgres holds /var/lib/postgresql/data/.postgres.lock", "another container uses the same data"],
  [
    "REFUSED: /var/lib/postgresql/data/pgdata was left half-made by a first start",
    "`make letta-reinit` sets its remains",
  ],
  ["REFUSED: /var/lib/postgresql/data has a cluster at its root, made by", "`make adopt`"],
  ["FATAL:  database files are incompatible with server", "another major version of Postgres"],
  ['asyncpg: password authentication failed for user "letta"', "not the one in the Pulumi state"],
  ['could not translate host name "letta-postgres" to address', "not on its network or not running"],
  ["socket.gaierror: [Errno -2] Name or service not known", "not on its network or not running"],
  ["socket.gaierror: [Errno -3] Temporary failure in name resolution", "not on its network or not running"],
  ["nginx: [emerg] bind() failed (98: Address already in use)", "something else listens on its port"],
  ['FATAL: invalid value for parameter "shared_buffers": "x"', "a setting in the stack's config"],
  ['FATAL: unrecognized configuration parameter "sharde_buffers"', "a setting in the stack's config"],
  ["exec /usr/bin/redis-server: exec format error", "another processor architecture"],
  ["mkdir: cannot create directory: Permission denied", "does not belong to the container's user"],
  ["ModuleNotFoundError: No module named 'letta'", "the image is incomplete"],
  ["Error: Cannot find module '/app/main.js'", "the image is incomplete"],
  [
    "OpenRouter API key not found. Please set OPENROUTER_API_KEY or API_OPENROUTER_KEY.",
    "OpenRouter API key not found: set OPENROUTER_API_KEY in the thoth stack's secretEnv",
  ],
  ["thoth: error: unrecognized arguments: --bogus", "unrecognized arguments: --bogus: check the command"],
])("%s", (line, expected) => {
  expect(likelyCause(state({ ExitCode: 1 }), ["starting", line, "stopped"])).toContain(expected);
});

test("the engine's state counts before the log", () => {
  const log = ["No space left on device"];
  expect(likelyCause(state({ OOMKilled: true, ExitCode: 137 }), log)).toContain("ran out of memory");
  expect(likelyCause(state({ ExitCode: 127 }), log)).toContain("its command is not in the image");
});

test("a log without a hint gives none, even if the container is gone", () => {
  expect(likelyCause(state({ ExitCode: 1 }), ["ready", "bye"])).toBeUndefined();
  expect(likelyCause(undefined, [])).toBeUndefined();
});

test("the first error is found before its consequences; repeats of a line are shown once, at its last time", () => {
  const log = [
    "2026-11-28 10:00:00.100 | INFO | starting",
    "2026-11-28 10:00:01.200 | ERROR | the key is missing",
    ...[2, 7, 12].map((second) => `2026-11-28 10:00:0${second % 10}.300 | ERROR | the server died with exit code 1`),
  ];
  expect(firstError(log)).toBe(log[1]);
  expect(lastDistinct(log, 2)).toEqual([log[1], log[4]]);
  expect(firstError(["ready"])).toBeUndefined();
});

describe("in the log of several roles", () => {
  const ended = "monitor | role ended with exit code 2: the container ends";
  const bogus = "monitor | thoth: error: unrecognized arguments: --bogus";
  const log = ["api | No space left on device", "monitor | starting", bogus, ended, "api | bye", "mcp | bye"];

  test("the cause is that of the role that ended", () => {
    expect(likelyCause(state({ ExitCode: 1 }), log)).toMatch(
      /^role monitor ended with exit code 2: unrecognized arguments: --bogus/,
    );
    const silent = ["api | up", "api | role ended with exit code 7: the container ends"];
    expect(likelyCause(state({ ExitCode: 1 }), silent)).toBe("role api ended with exit code 7");
    const missing = ["api | half a linerole ended with exit code 127: the container ends"];
    expect(likelyCause(undefined, missing)).toContain("its command is not in the image");
    const killed = [...log, "mcp | Killed", "mcp | role ended with exit code 137: the container ends"];
    expect(likelyCause(state({ ExitCode: 1 }), killed)).toMatch(
      /^role mcp ended with exit code 137: killed, .*memoryMiB/,
    );
  });

  test.each([
    ["the role that ended", "", ["monitor | starting", bogus, ended]],
    ["the red roles", "api: HTTP Error 503; mcp: no answer", [log[0], "api | bye", "mcp | bye"]],
    ["the red role of a sentence", "did not answer within 9 s; its health check says: mcp: no", ["mcp | bye"]],
    ["the one that ended, where the red ones have none", "discovery: no answer", ["monitor | starting", bogus, ended]],
  ])("the telling lines are those of %s", (_, said, expected) => {
    expect(tellingLines(log, said)).toEqual(expected);
  });

  test("of one service, all lines tell", () => {
    const one = ["2026 | api: hello", "curl: (7) refused"];
    expect(tellingLines(one, "its health check says: curl: (7) Failed to connect")).toEqual(one);
  });
});
