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

/** Which doors of both stacks open to one of these words. */
export async function openedBy(project: TestProject, candidates: readonly string[]): Promise<string[]> {
  const { urls } = await project.lettaOutputs();
  const { urls: thoth } = await project.thothOutputs();
  const listTools = {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
  };
  const answering = {
    gateway: await isAnswered(`${urls.gateway}/v1/agents/`, candidates),
    "Letta's own port": await isAnswered(`${urls.server}/v1/agents/`, candidates),
    "Thoth's MCP server": await isAnswered(`${thoth.mcp}/mcp`, candidates, listTools),
    Redis: await isLoggedIn(project, candidates),
  };
  const open = Object.entries(answering).flatMap(([name, isOpen]) => (isOpen ? [name] : []));
  return [...open, ...(await rolesOpenedBy(project, candidates))].sort();
}

/** The roles whose stored password is one of these: what a login would compute, without a connection each. */
async function rolesOpenedBy(project: TestProject, candidates: readonly string[]): Promise<string[]> {
  const stored = await project.psql(
    "select coalesce(json_object_agg(rolname, rolpassword), '{}') from pg_authid where rolcanlogin and rolpassword is not null",
  );
  return Object.entries(JSON.parse(stored) as Record<string, string>).flatMap(([role, verifier]) => {
    const [, iterations, salt = ""] = /^SCRAM-SHA-256\$(\d+):([^$]+)\$/.exec(verifier) ?? [];
    const verify = (word: string) => scramVerifier(word, Buffer.from(salt, "base64"), Number(iterations));
    return candidates.some((word) => verify(word) === verifier) ? [`role ${role}`] : [];
  });
}

async function isLoggedIn({ letta }: TestProject, candidates: readonly string[]): Promise<boolean> {
  const input = candidates.map((word) => `AUTH letta ${word}\n`).join("");
  const answers = await dockerOutput(["exec", "--interactive", `${letta}-redis`, "redis-cli"], { input });
  return /^OK$/m.test(answers);
}

async function isAnswered(url: string, candidates: readonly string[], options: RequestInit = {}): Promise<boolean> {
  for (const word of candidates) {
    const headers = { ...(options.headers as Record<string, string>), authorization: `Bearer ${word}` };
    const { status, body } = await fetch(url, { ...options, headers });
    await body?.cancel();
    if (status !== 401) return true;
  }
  return false;
}
