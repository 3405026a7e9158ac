import { expect, test } from "vitest";
import { until } from "../../../../scripts/lib/until.ts";

const problem = () => new Error("no answer");

test("asks until there is an answer, and returns it", async () => {
  const answers = [undefined, false, "here"] as const;
  let asked = 0;
  const question = async () => answers[asked++];
  expect(await until(question, { seconds: 60, everyMs: 1, problem })).toBe("here");
  expect(asked).toBe(3);
});

test("takes 0 and an empty text as answers", async () => {
  expect(await until(async () => 0, { seconds: 0, problem })).toBe(0);
  expect(await until(async () => "", { seconds: 0, problem })).toBe("");
});

test("asks at least once, then throws the problem", async () => {
  let asked = 0;
  const question = async () => {
    asked++;
    return false;
  };
  await expect(until(question, { seconds: 0, problem })).rejects.toThrow("no answer");
  expect(asked).toBe(1);
});

test("passes on at once what the question throws", async () => {
  const question = () => Promise.reject(new Error("cannot ask"));
  await expect(until(question, { seconds: 60, problem })).rejects.toThrow("cannot ask");
});
