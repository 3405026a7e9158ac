import { afterAll, beforeAll, expect, test } from "vitest";
import { docker, dockerOutput } from "../../infra/lib/docker/engine.ts";
import type { LettaStack } from "../../scripts/lib/stacks.ts";
import { redisPassword, redisSays } from "../support/redis.ts";
import { sharedStacks } from "../support/shared-stacks.ts";

/** Files of credentials that containers read while they run. */

const stacks = sharedStacks();
let letta: LettaStack;
beforeAll(async () => {
  letta = await stacks.lettaOutputs();
});

const statusWith = async (password: string) =>
  (await fetch(`${letta.urls.server}/v1/agents/`, { headers: { authorization: `Bearer ${password}` } })).status;

test("Redis allows Letta what it needs, and nobody to change or read Redis itself", async () => {
  const password = await redisPassword(stacks);
  for (const command of [
    "set a-key a ex 60",
    "xadd a-stream * a b",
    "del a-key a-stream",
    "sadd a-set a",
    "del a-set",
  ]) {
    expect(await redisSays(stacks, password, ...command.split(" ")), command).not.toContain("NOPERM");
  }
  for (const command of [
    "flushall",
    "config get *",
    "keys *",
    "acl list",
    "debug sleep 0",
    "shutdown",
    "monitor",
    "info",
  ]) {
    expect(await redisSays(stacks, password, ...command.split(" ")), command).toMatch(/NOPERM|not allowed/);
  }
  const asNobody = await docker(["exec", `${stacks.letta}-redis`, "redis-cli", "ping"]);
  expect(asNobody.stdout).toContain("NOAUTH");
  const asHealth = [
    "exec",
    `${stacks.letta}-redis`,
    "redis-cli",
    "--user",
    "health",
    "--pass",
    "none",
    "--no-auth-warning",
  ];
  expect((await docker([...asHealth, "ping"])).stdout.trim()).toBe("PONG");
  expect((await docker([...asHealth, "get", "a"])).stdout).toContain("NOPERM");
});

test("Redis shares an internal network with Letta and the status page alone, out of reach of projects", async () => {
  const format = "{{.Internal}}{{range .Containers}} {{.Name}}{{end}}";
  const [isInternal, ...names] = (
    await dockerOutput(["network", "inspect", `${stacks.letta}-internal`, "--format", format])
  )
    .trim()
    .split(" ");
  const members = ["page", "redis", "server"].map((service) => `${stacks.letta}-${service}`);
  expect([isInternal, ...names.sort()]).toEqual(["true", ...members]);
  const script =
    "const s=require('net').connect(6379,'letta-redis');s.on('error',e=>console.log(e.code)).on('connect',()=>console.log('open'))";
  const { stdout } = await docker(["exec", `${stacks.thoth}-api`, "node", "-e", script]);
  expect(stdout.trim()).toBe("ENOTFOUND");
});

test.each([
  ["is not there", 'rm "$1"', /No such file or directory/],
  ["is malformed", 'echo "{" >"$1.new" && mv "$1.new" "$1"', /is malformed: /],
  [
    "has no password",
    'echo "{\\"serverPasswords\\": [\\"\\"]}" >"$1.new" && mv "$1.new" "$1"',
    /must be a list of passwords/,
  ],
])("everybody is refused while the file of passwords %s, and the log says so once", async (_, script, message) => {
  const file = "/credentials/letta.json";
  const image = (await dockerOutput(["inspect", "--format", "{{.Config.Image}}", `${stacks.letta}-server`])).trim();
  const inVolume = (text: string) => {
    const volume = `${stacks.letta}-server-credentials:/credentials`;
    const entry = ["--entrypoint", "sh", image, "-c", text, "sh", file];
    return dockerOutput(["run", "--rm", "--network", "none", "--volume", volume, ...entry]);
  };
  const since = new Date().toISOString();
  await inVolume('cp -p "$1" "$1.kept"');
  try {
    await inVolume(script);
    for (const password of [letta.serverPassword, "", "wrong"]) expect(await statusWith(password)).toBe(401);
    expect((await fetch(`${letta.urls.server}/v1/health/`)).status).toBe(200);
    const { output } = await stacks.engine(["logs", "--since", since, `${stacks.letta}-server`]);
    const said = output.split("\n").filter((line) => line.startsWith("REFUSED:"));
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(message);
  } finally {
    await inVolume('mv "$1.kept" "$1"');
  }
  expect(await statusWith(letta.serverPassword)).toBe(200);
});

test("Letta stops on SIGTERM within its grace, although it is not the first process", async () => {
  const name = `${stacks.letta}-server`;
  const tree = await dockerOutput([
    "exec",
    name,
    "sh",
    "-c",
    'tr "\\0" " " </proc/1/cmdline; cat /proc/1/task/1/children',
  ]);
  expect(tree).toMatch(/init -- .*serve\.py +\d+ *$/s);
  await dockerOutput(["stop", name]);
  const [state] = JSON.parse(await dockerOutput(["inspect", name])) as [{ State: { ExitCode: number } }];
  // Uvicorn ends itself by the signal that it was sent; 137 would be the kill after the grace.
  expect(state.State.ExitCode).toBe(143);
  const { output } = await stacks.engine(["logs", "--tail", "20", name]);
  expect(output).toContain("Finished server process");
});
afterAll(() => stacks.up(stacks.letta));
