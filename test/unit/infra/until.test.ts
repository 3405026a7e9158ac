import { expect, test } from "vitest";
import { until } from "../../../infra/lib/until.ts";

const problem = () => new Error("no answer");

test.each([["here"], [0], [""]])("asks until there is an answer, and returns it: %j", async (answer) => {
  const answers = [undefined, false, answer, "too much"] as const;
  let asked = 0;
  expect(await until(async () => answers[asked++], { seconds: 60, everyMs: 1, problem })).toBe(answer);
});

test("asks at least once, then throws the problem", async () => {
  let asked = 0;
  const question = async () => ++asked < 0;
  await expect(until(question, { seconds: 0, problem })).rejects.toThrow("no answer");
  expect(asked).toBe(1);
});

test("passes on at once what the question throws", async () => {
  const question = () => Promise.reject(new Error("cannot ask"));
  await expect(until(question, { seconds: 60, problem })).rejects.toThrow("cannot ask");
});
