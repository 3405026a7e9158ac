import { expect, test } from "vitest";
import provider, { type LoginSeedsInputs, type LoginSeedsOutputs } from "../../../../infra/providers/login-seeds.ts";

type State = LoginSeedsInputs & LoginSeedsOutputs;

const create = async (...valid: string[]) => (await provider.create({ valid })).outs as State;
const update = async (olds: State, ...valid: string[]) =>
  (await provider.update?.("login-seeds", olds, { valid }))?.outs as State;

test("what is valid at the start derives from the first seed, whatever its generation", async () => {
  const { seeds } = await create("letta/2", "letta/1", "thoth/1");
  expect(seeds).toEqual({ "letta/2": "", "letta/1": "", "thoth/1": "" });
});

test("a new generation has a new seed, and an overlap keeps the former one until it ends", async () => {
  const first = await create("letta/1", "thoth/1");
  const overlap = await update(first, "letta/2", "letta/1", "thoth/2", "thoth/1");
  expect(overlap.seeds).toMatchObject({ "letta/1": "", "thoth/1": "" });
  const fresh = [overlap.seeds["letta/2"], overlap.seeds["thoth/2"]];
  expect(new Set(fresh).size).toBe(2);
  for (const seed of fresh) expect(seed?.length).toBeGreaterThanOrEqual(64);
  const [letta, thoth] = fresh;
  expect((await update(overlap, "letta/2", "thoth/2")).seeds).toEqual({ "letta/2": letta, "thoth/2": thoth });
});

test("a seed that was dropped never comes back", async () => {
  const second = await update(await create("letta/1", "thoth/1"), "letta/2", "thoth/2");
  const again = await update(second, "letta/1", "thoth/1");
  expect(Object.values(again.seeds).every((seed) => seed.length >= 64)).toBe(true);
});

test("an added project has its own seed", async () => {
  const { seeds } = await update(await create("letta/1"), "letta/1", "notes/1");
  expect(seeds["notes/1"]?.length).toBeGreaterThanOrEqual(64);
});

test("a project that was removed keeps its seed until everything is rotated", async () => {
  const both = await update(await create("letta/1"), "letta/1", "notes/1");
  const removed = await update(both, "letta/1");
  expect(removed.seeds).toEqual(both.seeds);
  expect((await update(removed, "letta/1", "notes/1")).seeds).toEqual(both.seeds);
  expect(Object.keys((await update(removed, "letta/2", "letta/1")).seeds).sort()).toEqual(["letta/1", "letta/2"]);
});

test("only a change of what is valid is a change", async () => {
  const state = await create("letta/1");
  const changes = async (...valid: string[]) => (await provider.diff?.("login-seeds", state, { valid }))?.changes;
  expect([await changes("letta/1"), await changes("letta/2", "letta/1")]).toEqual([false, true]);
});
