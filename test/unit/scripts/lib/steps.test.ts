import { beforeEach, describe, expect, test, vi } from "vitest";
import type { Step } from "../../../../scripts/lib/steps.ts";
import { runSteps } from "../../../../scripts/lib/steps.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";

/** The progress that a run shows. */
let shown: () => string;

beforeEach(() => {
  const texts: string[] = [];
  const write = (text: unknown) => texts.push(String(text)) > 0;
  const spies = [vi.spyOn(process.stdout, "write"), vi.spyOn(process.stderr, "write")];
  for (const spy of spies) spy.mockImplementation(write);
  shown = () => texts.join("");
  return () => {
    for (const spy of spies) spy.mockRestore();
  };
});

/** Steps that write down when they begin and end; each takes a turn of the event loop. */
function steps(...plans: { id: string; needs?: string[]; fails?: boolean; isDone?: boolean }[]) {
  const events: string[] = [];
  const done = new Set(plans.filter(({ isDone }) => isDone).map(({ id }) => id));
  const all = plans.map(
    ({ id, needs, fails }): Step => ({
      id,
      title: `step ${id}`,
      ...(needs && { needs }),
      isDone: async () => done.has(id),
      async run() {
        events.push(`${id} begins`);
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (fails) throw new Error(`${id} is broken`);
        events.push(`${id} ends`);
        done.add(id);
      },
    }),
  );
  return { all, events };
}

describe("steps", () => {
  test("run once the steps they need are done, and at the same time as others", async () => {
    const { all, events } = steps({ id: "c", needs: ["a", "b"] }, { id: "a" }, { id: "b" });
    expect(await runSteps(all, fakeDeps())).toBe(3);
    expect(events).toEqual(["a begins", "b begins", "a ends", "b ends", "c begins", "c ends"]);
  });

  test("that are done do not run, and none waits for them", async () => {
    const { all, events } = steps({ id: "a", isDone: true }, { id: "b", needs: ["a"] });
    expect(await runSteps(all, fakeDeps())).toBe(1);
    expect(events).toEqual(["b begins", "b ends"]);
  });

  test("do nothing the second time", async () => {
    const { all, events } = steps({ id: "a" }, { id: "b", needs: ["a"] });
    await runSteps(all, fakeDeps());
    events.length = 0;
    expect(await runSteps(all, fakeDeps())).toBe(0);
    expect(events).toEqual([]);
  });

  test("that fail are reported once, after those that did not need them have ended", async () => {
    const { all, events } = steps({ id: "a", fails: true }, { id: "b", needs: ["a"] }, { id: "other" });
    await expect(runSteps(all, fakeDeps())).rejects.toThrow("a is broken");
    expect(events).toEqual(["a begins", "other begins", "other ends"]);
    expect(shown().match(/broken/g)).toHaveLength(1);
  });

  test("that fail keep back those that need them, directly or not, and end the run with their own error", async () => {
    const { all, events } = steps({ id: "a", fails: true }, { id: "b", needs: ["a"] }, { id: "c", needs: ["b"] });
    await expect(runSteps(all, fakeDeps())).rejects.toThrow("a is broken");
    expect(events).toEqual(["a begins"]);
  });

  test("that were not reached run the next time, without those that were done", async () => {
    const { all, events } = steps({ id: "a" }, { id: "b", needs: ["a"], fails: true }, { id: "c", needs: ["b"] });
    await expect(runSteps(all, fakeDeps())).rejects.toThrow("b is broken");
    const fixed = all.map((step) =>
      step.id === "b" ? { ...step, run: async () => void events.push("b ends") } : step,
    );
    events.length = 0;
    expect(await runSteps(fixed, fakeDeps())).toBe(2);
    expect(events).toEqual(["b ends", "c begins", "c ends"]);
  });
});
