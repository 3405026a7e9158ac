import { randomUUID } from "node:crypto";
import { type LettaEndpoint, lettaJson } from "../../infra/lib/letta/api.ts";

/** A Letta user in an organization, as a project is one. */
export interface Tenant {
  readonly organization: string;
  readonly user: string;
}

/** What Letta says of a tool's run. */
export interface ToolRun {
  readonly status: "success" | "error";
  readonly tool_return: string;
  readonly stdout: string[];
  readonly stderr: string[];
}

/** Makes an organization with one user. */
export async function makeTenant(endpoint: LettaEndpoint): Promise<Tenant> {
  const make = (kind: string, body: unknown) => lettaJson<{ id: string }>(endpoint, "POST", `/v1/admin/${kind}/`, body);
  const organization = (await make("orgs", { name: `test-${randomUUID()}` })).id;
  return { organization, user: (await make("users", { name: "test", organization_id: organization })).id };
}

export async function removeTenant(endpoint: LettaEndpoint, { organization, user }: Tenant): Promise<void> {
  await lettaJson(endpoint, "DELETE", `/v1/admin/users/?user_id=${user}`);
  await lettaJson(endpoint, "DELETE", `/v1/admin/orgs/?org_id=${organization}`);
}

/** A tool named `probe` of these lines of Python. */
export function toolSource(lines: string, parameters = ""): string {
  const body = lines.trim().replace(/^/gm, "    ");
  return `def probe(${parameters}):\n    """\n    Probes.\n    """\n${body}\n`;
}

/**
 * Asks Letta, on the server's own port, to run a tool of these lines as a user; default: Letta's default user.
 *
 * @returns the answer's status and what it says
 */
export async function askForTool(
  { url, password }: LettaEndpoint,
  body: Readonly<Record<string, unknown>>,
  user?: string,
): Promise<{ status: number; text: string }> {
  const headers = { authorization: `Bearer ${password}`, "content-type": "application/json" };
  const response = await fetch(`${url}/v1/tools/run`, {
    method: "POST",
    headers: { ...headers, ...(user === undefined ? {} : { user_id: user }) },
    body: JSON.stringify({ args: {}, ...body }),
    signal: AbortSignal.timeout(120_000),
  });
  return { status: response.status, text: await response.text() };
}

/** Runs a tool of these lines as a user; default: Letta's default user. @throws unless Letta has run it */
export async function runTool(endpoint: LettaEndpoint, lines: string, user?: string): Promise<ToolRun> {
  const { status, text } = await askForTool(endpoint, { source_code: toolSource(lines) }, user);
  if (status !== 200) throw new Error(`the tool was not run: HTTP ${status} ${text}`);
  return JSON.parse(text) as ToolRun;
}

/** What a tool of these lines, which returns JSON, returns. @throws with what it said where it failed */
export async function toolResult<Result>(endpoint: LettaEndpoint, lines: string, user?: string): Promise<Result> {
  const run = await runTool(endpoint, lines, user);
  if (run.status === "success") return JSON.parse(run.tool_return) as Result;
  throw new Error(`the tool failed: ${run.tool_return}\n${run.stderr.join("")}`);
}
