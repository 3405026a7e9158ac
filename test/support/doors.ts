import { createHash } from "node:crypto";
import { deriveCredentials } from "../../infra/lib/credentials.ts";
import { dockerOutput } from "../../infra/lib/docker/engine.ts";
import { databaseNames, probeOwner } from "../../infra/lib/names.ts";
import { scramVerifier } from "../../infra/lib/postgres/connect.ts";
import type { TestProject } from "./stacks.ts";

/** Every word of a state that may be a secret, and what would derive from it as a seed. */
export function candidatesIn(state: unknown, projects: readonly string[]): string[] {
  const words = plaintexts(state).flatMap((text) => text.match(/[\w-]{24,}/g) ?? []);
  const owners = [...databaseNames(projects), probeOwner];
  const derived = words
    .filter(({ length }) => length === 64)
    .flatMap((seed) => owners.flatMap((owner) => [1, 2, 3, 4].map((one) => deriveCredentials(seed, owner, one))))
    .flatMap(({ role: _, ...secrets }) => Object.values(secrets));
  return [...new Set([...words, ...derived])];
}

function plaintexts(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  if ("plaintext" in value && typeof value.plaintext === "string") return [value.plaintext];
  return Object.values(value).flatMap(plaintexts);
}

/** Which doors of both stacks open to one of these; what Postgres and Redis store tells it as well as a login would. */
export async function openedBy(project: TestProject, candidates: readonly string[]): Promise<string[]> {
  const { urls } = await project.lettaOutputs();
  const { urls: thoth } = await project.thothOutputs();
  const doors: Record<string, (candidate: string) => boolean | Promise<boolean>> = {
    ...(await postgresRoles(project)),
    ...(await redisUsers(project)),
    gateway: answers(`${urls.gateway}/v1/agents/`),
    "Letta's own port": answers(`${urls.server}/v1/agents/`),
    "Thoth's MCP server": answers(`${thoth.mcp}/mcp`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
    }),
  };
  const open = new Set<string>();
  for (const [name, opens] of Object.entries(doors)) {
    for (const candidate of candidates) if (!open.has(name) && (await opens(candidate))) open.add(name);
  }
  return [...open].sort();
}

async function postgresRoles(project: TestProject): Promise<Record<string, (candidate: string) => boolean>> {
  const stored = await project.psql(
    "select coalesce(json_object_agg(rolname, rolpassword), '{}') from pg_authid where rolcanlogin and rolpassword is not null",
  );
  const verifiers = Object.entries(JSON.parse(stored) as Record<string, string>);
  return Object.fromEntries(
    verifiers.map(([role, verifier]) => {
      const [, iterations, salt = ""] = /^SCRAM-SHA-256\$(\d+):([^$]+)\$/.exec(verifier) ?? [];
      const matches = (candidate: string) =>
        scramVerifier(candidate, Buffer.from(salt, "base64"), Number(iterations)) === verifier;
      return [`role ${role}`, matches];
    }),
  );
}

async function redisUsers({ letta }: TestProject): Promise<Record<string, (candidate: string) => boolean>> {
  const users = await dockerOutput(["exec", `${letta}-redis`, "cat", "/run/credentials/users.acl"]);
  return { Redis: (candidate) => users.includes(`#${createHash("sha256").update(candidate).digest("hex")}`) };
}

function answers(url: string, options: RequestInit = {}): (candidate: string) => Promise<boolean> {
  return async (candidate) => {
    const headers = { ...(options.headers as Record<string, string>), authorization: `Bearer ${candidate}` };
    const { status, body } = await fetch(url, { ...options, headers });
    await body?.cancel();
    return status !== 401;
  };
}
