import { expect, test } from "vitest";
import { deriveCredentials, deriveSecret, loginRole, workingCredentials } from "../../../infra/lib/credentials.ts";

const seed = "s".repeat(64);

test("a derived secret is the same each time, and another for another seed, purpose or length", () => {
  expect(deriveSecret(seed, "a")).toBe(deriveSecret(seed, "a"));
  const others = [deriveSecret(seed, "b"), deriveSecret("t".repeat(64), "a"), deriveSecret(seed, "a", 41)];
  expect(new Set([deriveSecret(seed, "a"), ...others]).size).toBe(4);
});

test("a derived secret needs no quoting anywhere", () => {
  const secrets = Array.from({ length: 50 }, (_, index) => deriveSecret(seed, String(index)));
  for (const secret of secrets) expect(secret).toMatch(/^[A-Za-z0-9]{40}$/);
});

test("the four secrets of a generation differ from each other and from those of other generations and owners", () => {
  const all = [1, 2, 3].flatMap((generation) =>
    ["thoth", "notes"].flatMap((owner) => {
      const { role: _, ...secrets } = deriveCredentials(seed, owner, generation);
      return Object.values(secrets);
    }),
  );
  expect(new Set(all).size).toBe(24);
});

test("two generations in a row log in as two roles, of which the first is the owner", () => {
  expect([1, 2, 3].map((generation) => loginRole("thoth", generation))).toEqual(["thoth", "thoth-b", "thoth"]);
});

test("the previous generation is valid during an overlap, and only then, each by its own seed", () => {
  const seedOf = (generation: number) => `${seed}${generation}`;
  const working = (generation: number, overlap: boolean) =>
    workingCredentials("thoth", { generation, overlap }, seedOf);
  const [first, second] = [1, 2].map((generation) => deriveCredentials(seedOf(generation), "thoth", generation));
  expect(working(2, true)).toEqual({ current: second, previous: first });
  expect(working(2, false)).toEqual({ current: second });
  expect(working(1, true)).toEqual({ current: first });
});
