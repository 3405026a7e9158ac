import { describe, expect, test } from "vitest";
import { filterLines, type LogFilter, requirePast } from "../../../../scripts/lib/log-filter.ts";

const gateway = (project: string, request: string) =>
  `172.22.0.1 [2026-11-29T02:00:00+00:00] project=${project} "POST /v1/agents/a/messages" 200 9 0.1 upstream=200 0.1 request=${request}`;
const lines = [
  `Letta - ERROR - request=aaaaaaaa the model is away, run-1`,
  `Letta - INFO - request=bbbbbbbb created run-2`,
  gateway("thoth", "aaaaaaaa"),
  gateway("notes", "bbbbbbbb"),
  "checkpoint complete",
];
const chosen = (filter: LogFilter) => filterLines(lines, filter, (line) => line);

describe("the lines of a log", () => {
  test.each<[what: string, filter: LogFilter, expected: number[]]>([
    ["without a filter: all", {}, [0, 1, 2, 3, 4]],
    ["with a text", { grep: "checkpoint" }, [4]],
    ["of a project's requests, in every container", { project: "thoth" }, [0, 2]],
    ["of a project whose name begins like another's", { project: "th" }, []],
    ["of the request that started a run", { run: "run-2" }, [1, 3]],
    ["of a request, by its id", { run: "aaaaaaaa" }, [0, 2]],
    ["with a text, of a project", { project: "thoth", grep: "ERROR" }, [0]],
  ])("%s", (_, filter, expected) => {
    expect(chosen(filter)).toEqual(expected.map((index) => lines[index]));
  });

  test("of a request cannot be followed, and a text can", () => {
    expect(() => requirePast({ run: "run-1" })).toThrow("do not go with follow");
    expect(() => requirePast({ grep: "ERROR" })).not.toThrow();
  });
});
