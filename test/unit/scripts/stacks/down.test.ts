import { expect, test } from "vitest";
import { down } from "../../../../scripts/stacks/down.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { type FakeAnswers, fakePrograms } from "../../../support/fake-programs.ts";
import { dockerAnswers, networkOf, noStack, pulumiAnswers, temporaryBackend } from "../../../support/fake-stacks.ts";

const stacks = { lettaStack: "letta", thothStack: "thoth" };
const flags = "--yes --skip-preview --suppress-outputs --non-interactive --color never --suppress-progress";
/** `--exclude-protected` leaves the volumes and passwords; nothing may take their protection away. */
const destroy = (stack: string) => `pulumi destroy --stack ${stack} --exclude-protected ${flags}`;
const destroysOf = (calls: readonly string[]) => calls.filter((call) => /^pulumi (destroy|state|stack rm)/.test(call));

function bothStacks(changes: { docker?: FakeAnswers; pulumi?: FakeAnswers } = {}) {
  temporaryBackend();
  return fakePrograms({ docker: dockerAnswers(changes.docker), pulumi: pulumiAnswers(changes.pulumi) });
}

test("down destroys thoth, then letta, without what is protected, and tells what is kept", async () => {
  const programs = bothStacks();
  const deps = fakeDeps();
  expect(await down(stacks, deps)).toBe(0);
  expect(destroysOf(programs.calls())).toEqual([destroy("thoth"), destroy("letta")]);
  expect(deps.printed).toEqual([
    "down; kept: volumes letta-postgres, letta-data, letta-home, letta-redis, letta-backup",
  ]);
});

test("each stack is repaired right before it is destroyed", async () => {
  const programs = bothStacks();
  await down(stacks, fakeDeps());
  const calls = programs.calls().filter((call) => /^pulumi (stack export|destroy)/.test(call));
  expect(calls).toEqual([
    "pulumi stack export --stack thoth",
    destroy("thoth"),
    "pulumi stack export --stack letta",
    destroy("letta"),
  ]);
});

test("letta stays up while others than thoth are on its network", async () => {
  const programs = bothStacks({ docker: { "network inspect": networkOf("letta-server", "a-script") } });
  const deps = fakeDeps();
  expect(await down(stacks, deps)).toBe(1);
  expect(deps.printed).toEqual(['the letta stack "letta" stays up: a-script (started by hand) use it']);
  expect(destroysOf(programs.calls())).toEqual([destroy("thoth")]);
});

test("letta stays up when thoth could not be destroyed", async () => {
  const programs = bothStacks({ pulumi: { "destroy --stack thoth": { exitCode: 255 } } });
  await expect(down(stacks, fakeDeps())).rejects.toThrow("stack thoth was not taken down");
  expect(destroysOf(programs.calls())).toEqual([destroy("thoth")]);
});

test("a stack that never came up is passed over", async () => {
  const programs = bothStacks({ pulumi: { "stack output": noStack } });
  const deps = fakeDeps();
  expect(await down(stacks, deps)).toBe(0);
  expect(destroysOf(programs.calls())).toEqual([]);
  expect(deps.printed).toEqual(["stack letta was never brought up"]);
});

test("nothing that another checkout has on this engine is taken down", async () => {
  const programs = bothStacks({
    docker: { "ps --all": { stdout: "1\tthoth-api\n" } },
    pulumi: { "stack output": noStack, "stack export": { stdout: '{"deployment": {}}' } },
  });
  await expect(down(stacks, fakeDeps())).rejects.toThrow("stack thoth has no state here");
  expect(programs.calls().filter((call) => call.startsWith("docker rm"))).toEqual([]);
});
