import { PassThrough } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import { render } from "../../../../scripts/status/command.ts";
import { fitted, watchStatus } from "../../../../scripts/status/watch.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { fakePrograms } from "../../../support/fake-programs.ts";
import { pulumiAnswers, without } from "../../../support/fake-stacks.ts";

const options = { lettaStack: "letta", thothStack: "thoth", scope: "all", json: false } as const;

describe("watching", () => {
  test.each([
    ["a terminal to draw on", options, "make status"],
    ["not JSON", { ...options, json: true }, "make status JSON=1"],
  ])("is refused where it says %s", async (problem, given, fix) => {
    await expect(watchStatus(given, fakeDeps({ isTerminal: given.json }))).rejects.toThrow(problem);
    await expect(watchStatus(given, fakeDeps({ isTerminal: given.json }))).rejects.toThrow(fix);
  });

  test("draws the status until it is ended, and leaves the last one there", async () => {
    fakePrograms({ pulumi: pulumiAnswers(without("letta", "thoth")), docker: {} });
    const stream = Object.assign(new PassThrough(), { columns: 80, rows: 24, isTTY: true });
    const end = new AbortController();
    let drawn = "";
    stream.on("data", (data) => {
      drawn += data;
      if (drawn.includes("Ctrl-C ends it")) end.abort();
    });
    const exitCode = await watchStatus(options, fakeDeps({ isTerminal: true }), { stream, signal: end.signal });
    expect(exitCode).toBe(0);
    expect(stripVTControlCharacters(drawn)).toContain("stack letta: NOT healthy\n  never brought up: make letta-start");
  });
});

describe("a small terminal", () => {
  const service = { name: "letta-postgres", state: "running", health: "healthy", image: "a:1", version: "17" } as const;
  const stack = {
    ...{ name: "letta", isHealthy: true, notes: ["a note that is longer than such a terminal is wide"] },
    services: [{ ...service, uptimeSeconds: 60, url: "http://127.0.0.1:5432" }],
  };

  test.each([
    [200, "service state health up version address"],
    [70, "service state health up address"],
    [50, "service state health up"],
    [20, "service health"],
  ])("of %i columns shows what is worth most", (columns, head) => {
    const lines = render(stack, columns);
    expect(lines[2]?.split("│").join(" ").trim().split(/\s+/).join(" ")).toBe(head);
  });

  test("cuts lines that would wrap, and says how many do not fit", () => {
    const lines = fitted(["a".repeat(30), "b", "c", "d", "e", "the foot"], 16, 5);
    expect(lines).toEqual(["aaaaaaaaaaaaaaa…", "b", "… 3 more lines", "the foot"]);
    expect(fitted(["a", "the foot"], 10, 5)).toEqual(["a", "the foot"]);
  });
});
