import { describe, expect, test, vi } from "vitest";
import { CachedProbe, Health } from "../../../images/thoth/src/health.ts";
import { describeError } from "../../../images/thoth/src/log.ts";
import { untilSuccess } from "../../../images/thoth/src/retry.ts";

describe("CachedProbe", () => {
  test("asks once for many callers, and caches success for longer than failure", async () => {
    let now = 0;
    const ask = vi.fn(async () => {});
    const probe = new CachedProbe(ask, () => now);
    expect(await Promise.all([probe.problem(), probe.problem()])).toEqual([undefined, undefined]);
    expect(ask).toHaveBeenCalledOnce();
    ask.mockRejectedValueOnce(new Error("away"));
    now = 2999;
    expect(await probe.problem()).toBeUndefined();
    now = 3000;
    expect(await probe.problem()).toBe("away");
    now = 3999;
    expect(await probe.problem()).toBe("away");
    now = 4000;
    expect(await probe.problem()).toBeUndefined();
  });

  test("treats silence as a failure", async () => {
    vi.useFakeTimers();
    const silent = new CachedProbe(() => new Promise(() => {}));
    const problem = silent.problem();
    await vi.advanceTimersByTimeAsync(2000);
    expect(await problem).toContain("no answer");
    vi.useRealTimers();
  });
});

describe("Health", () => {
  test("names what fails; a warning alone does not fail", async () => {
    const health = new Health();
    health.dependsOn("database", async () => {});
    health.warns(() => "agent waiting: no model configured");
    health.tells("lastRun", () => null);
    expect(await health.report()).toEqual({
      status: "healthy",
      failing: [],
      checks: { database: "answers" },
      warning: "agent waiting: no model configured",
      details: { lastRun: null },
    });
    health.dependsOn("letta", () => Promise.reject(new Error("401")));
    expect(await health.report()).toMatchObject({ status: "unhealthy", failing: ["letta"], checks: { letta: "401" } });
  });
});

describe("untilSuccess", () => {
  test("retries until it works, and reports each failure", async () => {
    const action = vi
      .fn(async () => "done")
      .mockRejectedValueOnce("not yet")
      .mockRejectedValueOnce("not yet");
    const onFailure = vi.fn();
    const { signal } = new AbortController();
    expect(await untilSuccess(action, { signal, firstPause: 1, onFailure })).toBe("done");
    expect(onFailure).toHaveBeenCalledTimes(2);
  });

  test("ends when the signal does", async () => {
    const stop = new AbortController();
    const running = untilSuccess(() => Promise.reject(new Error("never")), { signal: stop.signal });
    stop.abort();
    await expect(running).rejects.toThrow("abort");
  });
});

test("describeError includes nested causes", () => {
  const both = new AggregateError([new Error("refused ::1"), new Error("refused 127.0.0.1")], "");
  expect(describeError(both)).toBe("refused ::1; refused 127.0.0.1");
  const failed = new Error("fetch failed", { cause: new Error("ECONNREFUSED") });
  expect(describeError(failed)).toBe("fetch failed (ECONNREFUSED)");
  expect(describeError("text")).toBe("text");
});
