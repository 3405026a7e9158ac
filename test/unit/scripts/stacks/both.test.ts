import { expect, test } from "vitest";
import { UserError } from "../../../../infra/lib/errors.ts";
import { down } from "../../../../scripts/stacks/both.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { type FakeAnswers, fakePrograms } from "../../../support/fake-programs.ts";
import {
  dockerAnswers,
  networkOf,
  pulumiAnswers,
  pulumiFailures,
  temporaryBackend,
  without,
} from "../../../support/fake-stacks.ts";

const stacks = { lettaStack: "letta", thothStack: "thoth" };
const flags = "--yes --skip-preview --suppress-outputs --non-interactive --color never --suppress-progress";
/** `--exclude-protected` leaves the volumes and passwords; nothing may take their protection away. */
const destroy = (stack: string) => `pulumi destroy --stack ${stack} --exclude-protected ${flags}`;
const destroysOf = (calls: readonly string[]) => calls.filter((call) => /^pulumi (destroy|state|stack rm)/.test(call));

function bothStacks(changes: { docker?: FakeAnswers; pulumi?: FakeAnswers } = {}) {
  temporaryBackend();
  return fakePrograms({ docker: dockerAnswers(changes.docker), pulumi: pulumiAnswers(changes.pulumi) });
}

test("down destroys thoth, then letta, without what is protected, and says what is kept", async () => {
  const programs = bothStacks();
  const deps = fakeDeps();
  expect(await down(stacks, deps)).toBe(0);
  expect(destroysOf(programs.calls())).toEqual([destroy("thoth"), destroy("letta")]);
  expect(deps.printed.filter((line) => !line.startsWith("stopping "))).toEqual([
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

test("containers that may stop together do, before Pulumi removes them", async () => {
  const programs = bothStacks();
  await down(stacks, fakeDeps());
  expect(programs.calls().filter((call) => /^docker stop|^pulumi destroy/.test(call))).toEqual([
    "docker stop thoth-api thoth-mcp thoth-discovery thoth-monitor",
    destroy("thoth"),
    "docker stop letta-nginx",
    "docker stop letta-server",
    "docker stop letta-backup letta-drill",
    "docker stop letta-redis letta-postgres",
    destroy("letta"),
  ]);
});

test("letta stays up while others than thoth are on its network", async () => {
  const programs = bothStacks({ docker: { "network inspect": networkOf("letta-server", "a-script") } });
  const deps = fakeDeps();
  expect(await down(stacks, deps)).toBe(1);
  expect(deps.printed.slice(1)).toEqual(['the letta stack "letta" stays up: a-script (started by hand) use it']);
  expect(destroysOf(programs.calls())).toEqual([destroy("thoth")]);
});

test("letta stays up when thoth could not be destroyed", async () => {
  const programs = bothStacks({ pulumi: { "destroy --stack thoth": { exitCode: 255 } } });
  await expect(down(stacks, fakeDeps())).rejects.toThrow("stack thoth was not taken down");
  expect(destroysOf(programs.calls())).toEqual([destroy("thoth")]);
});

test("stacks that never came up are skipped", async () => {
  const programs = bothStacks({ pulumi: without("letta", "thoth") });
  const deps = fakeDeps();
  expect(await down(stacks, deps)).toBe(0);
  expect(destroysOf(programs.calls())).toEqual([]);
  expect(deps.printed).toEqual(["stack letta was never brought up"]);
});

test("nothing that another checkout has on this engine is taken down", async () => {
  const programs = bothStacks({
    docker: { "ps --all": { stdout: "1\tthoth-api\n" } },
    pulumi: { "stack output": { stdout: "{}" }, "stack export": { stdout: '{"deployment": {}}' } },
  });
  await expect(down(stacks, fakeDeps())).rejects.toThrow("stack thoth has no state here");
  expect(programs.calls().filter((call) => call.startsWith("docker rm"))).toEqual([]);
});

test("containers of a stack that this checkout does not know are not passed over", async () => {
  bothStacks({ docker: { "ps --all": { stdout: "1\tthoth-api\n" } }, pulumi: without("letta", "thoth") });
  await expect(down(stacks, fakeDeps())).rejects.toThrow(
    "stack thoth has no state here, but the engine has containers",
  );
});

test.each(Object.entries(pulumiFailures))(
  "nothing is taken down, or said to be, when Pulumi %s",
  async (_, failure) => {
    const programs = bothStacks({ pulumi: { "stack ": failure } });
    const deps = fakeDeps();
    await expect(down(stacks, deps)).rejects.toThrow(UserError);
    expect(deps.printed).toEqual([]);
    expect(programs.calls().filter((call) => /^docker (stop|rm)|^pulumi destroy/.test(call))).toEqual([]);
  },
);
