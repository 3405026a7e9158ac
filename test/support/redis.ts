import { docker, dockerOutput } from "../../infra/lib/docker/engine.ts";
import type { TestProject } from "./stacks.ts";

/** Redis' answer to its user letta with a password, which is in no argument of a program in its container. */
export async function redisSays({ letta }: TestProject, password: string, ...command: string[]): Promise<string> {
  const client = ["exec", "-e", `REDISCLI_AUTH=${password}`, `${letta}-redis`, "redis-cli", "--user", "letta"];
  const { stdout, stderr } = await docker([...client, "--no-auth-warning", ...command]);
  return `${stdout}${stderr}`.trim();
}

/** The password with which Letta logs in to Redis. */
export async function redisPassword({ letta }: TestProject): Promise<string> {
  const text = await dockerOutput(["exec", `${letta}-server`, "cat", "/run/credentials/letta.json"]);
  return (JSON.parse(text) as { redis: { password: string } }).redis.password;
}
