import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { runSteps, type Step } from "../../../../scripts/lib/steps.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";

/** The progress that a run shows. */
const texts: string[] = [];

beforeEach(() => {
  texts.length = 0;
  for (const stream of [process.stdout, process.stderr]) {
    const spy = vi.spyOn(stream, "write").mockImplementation((text) => texts.push(String(text)) > 0);
    onTestFinished(() => spy.mockRestore());
  }
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
  test("run once the steps they need are done, at the same time as others, and do nothing the second time", async () => {
    const { all, events } = steps({ id: "c", needs: ["a", "b"] }, { id: "a" }, { id: "b" });
    expect(await runSteps(all, fakeDeps())).toBe(3);
    expect(events).toEqual(["a begins", "b begins", "a ends", "b ends", "c begins", "c ends"]);
    expect(await runSteps(all, fakeDeps())).toBe(0);
    expect(events).toHaveLength(6);
  });

  test("that are done do not run, and none waits for them", async () => {
    const { all, events } = steps({ id: "a", isDone: true }, { id: "b", needs: ["a"] });
    expect(await runSteps(all, fakeDeps())).toBe(1);
    expect(events).toEqual(["b begins", "b ends"]);
  });

  test("that fail keep back those that need them, directly or not, and are reported once all others have ended", async () => {
    const plans = [{ id: "a", fails: true }, { id: "b", needs: ["a"] }, { id: "c", needs: ["b"] }, { id: "other" }];
    const { all, events } = steps(...plans);
    await expect(runSteps(all, fakeDeps())).rejects.toThrow("a is broken");
    expect(events).toEqual(["a begins", "other begins", "other ends"]);
    expect(texts.join().match(/broken/g)).toHaveLength(1);
  });

  test("that were not reached run the next time, without those that were done", async () => {
    const { all, events } = steps({ id: "a" }, { id: "b", needs: ["a"], fails: true }, { id: "c", needs: ["b"] });
    await expect(runSteps(all, fakeDeps())).rejects.toThrow("b is broken");
    const run = async () => void events.push("b ends");
    events.length = 0;
    const fixed = all.map((step) => (step.id === "b" ? { ...step, run } : step));
    expect(await runSteps(fixed, fakeDeps())).toBe(2);
    expect(events).toEqual(["b ends", "c begins", "c ends"]);
  });
});
