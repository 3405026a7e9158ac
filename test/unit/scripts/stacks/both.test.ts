import { expect, test } from "vitest";
import { UserError } from "../../../../infra/lib/errors.ts";
import { down } from "../../../../scripts/stacks/both.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { fakeStacks, networkOf, pulumiFailures, without } from "../../../support/fake-stacks.ts";

const flags = "--yes --skip-preview --suppress-outputs --non-interactive --color never --suppress-progress";
/** `--exclude-protected` leaves the volumes and passwords; nothing may take their protection away. */
const destroy = (stack: string) => `pulumi destroy --stack ${stack} --exclude-protected ${flags}`;

async function run(changes: Parameters<typeof fakeStacks>[0] = {}) {
  const programs = fakeStacks(changes);
  const deps = fakeDeps();
  const result = await down({ lettaStack: "letta", thothStack: "thoth" }, deps).catch((error: Error) => error);
  const matching = (pattern: RegExp) => programs.calls().filter((call) => pattern.test(call));
  return { result, printed: deps.printed, matching, destroys: matching(/^pulumi (destroy|state|stack rm)/) };
}

test("down destroys thoth, then letta, each after its repair and the stop of its containers, without what is protected", async () => {
  const { result, printed, matching, destroys } = await run();
  expect(result).toBe(0);
  expect(destroys).toEqual([destroy("thoth"), destroy("letta")]);
  expect(matching(/^docker stop|^pulumi (stack export|destroy)/)).toEqual([
    "pulumi stack export --stack thoth",
    "docker stop thoth-letta-proxy thoth-api thoth-mcp thoth-discovery thoth-monitor",
    destroy("thoth"),
    "pulumi stack export --stack letta",
    "docker stop letta-nginx letta-server letta-drill letta-model letta-page",
    "docker stop letta-backup",
    "docker stop letta-redis letta-postgres",
    destroy("letta"),
  ]);
  expect(printed.filter((line) => !line.startsWith("stopping "))).toEqual([
    "down; kept: volumes letta-postgres, letta-data, letta-home, letta-redis, letta-backup",
  ]);
});

test("letta stays up while others than thoth are on its network", async () => {
  const { result, printed, destroys } = await run({
    docker: { "network inspect": networkOf("letta-server", "a-script") },
  });
  expect(result).toBe(1);
  expect(printed.slice(1)).toEqual(['the letta stack "letta" stays up: a-script (started by hand) use it']);
  expect(destroys).toEqual([destroy("thoth")]);
});

test("letta stays up when thoth could not be destroyed", async () => {
  const { result, destroys } = await run({ pulumi: { "destroy --stack thoth": { exitCode: 255 } } });
  expect(result).toMatchObject({ message: expect.stringContaining("stack thoth was not taken down") });
  expect(destroys).toEqual([destroy("thoth")]);
});

test("stacks that never came up are skipped", async () => {
  expect(await run({ pulumi: without("letta", "thoth") })).toMatchObject({
    result: 0,
    destroys: [],
    printed: ["stack letta was never brought up"],
  });
});

test.each([
  ["an empty state", { "stack output": { stdout: "{}" }, "stack export": { stdout: '{"deployment": {}}' } }],
  ["no such stack", without("letta", "thoth")],
])("what another checkout has on this engine is named and not taken down: %s", async (_, pulumi) => {
  const { result, matching } = await run({ docker: { "ps --all": { stdout: "1\tthoth-api\n" } }, pulumi });
  const message = expect.stringContaining("stack thoth has no state here, but the engine has containers");
  expect(result).toMatchObject({ message });
  expect(matching(/^docker rm/)).toEqual([]);
});

test.each(Object.entries(pulumiFailures))(
  "nothing is taken down, or said to be, when Pulumi %s",
  async (_, failure) => {
    const { result, printed, matching } = await run({ pulumi: { "stack ": failure } });
    expect(result).toBeInstanceOf(UserError);
    expect(printed).toEqual([]);
    expect(matching(/^docker (stop|rm)|^pulumi destroy/)).toEqual([]);
  },
);
