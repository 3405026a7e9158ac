import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where the CLI and Pulumi's provider look without a setting. */
export const usualEngine = "unix:///var/run/docker.sock";

/** The engine's address by the CLI's rules: DOCKER_HOST, else DOCKER_CONTEXT, else the context in use. */
export function engineHost(env: NodeJS.ProcessEnv = process.env): string {
  return engineEnvironment(env).DOCKER_HOST ?? (env.DOCKER_HOST || usualEngine);
}

/** Names the engine to people and programs while DOCKER_HOST is this end of a tunnel to it. */
export const remoteEngineVariable = "THOTH_LETTA_REMOTE_ENGINE";

/** The engine's address as the operator gave it. */
export function engineName(env: NodeJS.ProcessEnv = process.env): string {
  return env[remoteEngineVariable] ?? engineHost(env);
}

/** The name of an engine on another host; undefined for one that shares this host's ports and folders. */
export function remoteEngine(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const name = engineName(env);
  return name.startsWith("ssh://") ? name : undefined;
}

/**
 * The variables by which Pulumi's Docker provider, which knows no contexts, finds the engine of the context that the CLI uses;
 * none where both find the same.
 */
export function engineEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  if (env.DOCKER_HOST) return {};
  const folder = env.DOCKER_CONFIG ?? join(homedir(), ".docker");
  const { currentContext } = readJson<{ currentContext?: string }>(join(folder, "config.json")) ?? {};
  const context = env.DOCKER_CONTEXT || currentContext || "default";
  if (context === "default") return {};
  const id = createHash("sha256").update(context).digest("hex");
  const meta = readJson<{ Endpoints?: { docker?: { Host?: string } } }>(join(folder, "contexts/meta", id, "meta.json"));
  const certificates = join(folder, "contexts/tls", id, "docker");
  return {
    DOCKER_HOST: meta?.Endpoints?.docker?.Host ?? context,
    ...(existsSync(certificates) ? { DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: certificates } : {}),
  };
}

function readJson<Content>(file: string): Content | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Content) : undefined;
}
