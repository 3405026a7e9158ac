import { setTimeout as delay } from "node:timers/promises";
import type { Role } from "./config.ts";
import type { HealthReport } from "./health.ts";

/**
 * What the real Thoth does where the stand-in is kinder, for tests of what has to work with it. On with
 * THOTH_STAND_IN_FAITHFUL; then it also sends Letta no token, holds idle connections, makes its agent only when it starts, and lets
 * everyone use its MCP server unless THOTH_MCP_AUTH_TOKEN is set.
 */

/** Connections that each role keeps open. */
export const idleConnections = 5;

/** Discovery and monitor serve nothing. */
export const serves = (role: Role) => role === "api" || role === "mcp";

/** Discovery ends its waiting only when its next run is due. */
export const ignoresStop = (role: Role) => role === "discovery";

/** Stands for the imports. Without its key, the API's server process dies, and the parent process reports that for ever. */
export async function startSlowly(role: Role, seconds: number, environment: NodeJS.ProcessEnv): Promise<void> {
  await delay(seconds * 1000);
  if (role !== "api" || environment.OPENROUTER_API_KEY) return;
  console.error("ERROR: OpenRouter API key not found. Please set OPENROUTER_API_KEY or API_OPENROUTER_KEY");
  for (;;) {
    console.error("ERROR: api server died with exit code 1");
    await delay(1000);
  }
}

/**
 * The health of the API and of the MCP server, whatever the database and Letta do: Thoth does not ask them. The API is unhealthy for
 * ever, as some of its services have no check.
 */
export function blindHealth(role: Role, { checks }: HealthReport): { code: number; body: object } {
  if (role !== "api") return { code: 200, body: { status: "ok" } };
  const checked = Object.keys(checks).map((name) => [name, { status: "healthy" }]);
  const unchecked = { status: "unknown", error: "health_check method not implemented" };
  const services = { ...Object.fromEntries(checked), auth: unchecked, vault_provisioner: unchecked, rag: unchecked };
  return { code: 503, body: { status: "unhealthy", healthy: false, services } };
}
