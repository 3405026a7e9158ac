import { X509Certificate } from "node:crypto";
import { LettaApiError, type LettaEndpoint, lettaFetch, lettaJson } from "../../../infra/lib/letta/api.ts";
import { probeLetta } from "../../../infra/lib/letta/probe.ts";
import { projectEndpoint } from "../../lib/stacks.ts";
import type { Check, Finding } from "../check.ts";
import { lettaOf, type Patient, serverOf } from "../patient.ts";

/** Letta's server, and the gateway in front of it. */
export const lettaChecks: readonly Check[] = [
  {
    id: "letta",
    title: "Letta lists models, writes to its database, and accepts a background run.",
    why: "Its own health route says “ok” whatever state its database and Redis are in.",
    fix: "`make letta-restart`",
    needs: ["server", "state"],
    find: async (patient) =>
      (await probeLetta(serverOf(patient)))
        .filter(({ ok }) => !ok)
        .map(({ check, detail }) => ({ severity: "error", problem: `${check}: ${detail}`, fix: "make letta-restart" })),
  },
  {
    id: "models",
    title: "Letta has models of a provider.",
    why: "Without one no agent answers.",
    fix: "`make models`",
    needs: ["server", "state"],
    find: models,
  },
  {
    id: "redis",
    title: "Letta is connected to Redis.",
    why: "A Letta that started without Redis works without it, and loses background runs and locks.",
    fix: "`make letta-restart`",
    needs: ["server"],
    find: redis,
  },
  {
    id: "pool",
    title: "Letta keeps its connections to Postgres open between requests.",
    why: "Without a pool every request logs in again, which costs more than most queries.",
    fix: "`make letta-restart`",
    needs: ["server", "postgres", "state"],
    find: pool,
  },
  {
    id: "runs",
    title: "No run of an agent has been working for more than an hour.",
    why: "A run that its process left behind blocks its conversation.",
    fix: "cancel the run, or send the agent's next message to another conversation",
    needs: ["postgres", "state"],
    find: stuckRuns,
  },
  {
    id: "mcp",
    title: "Every MCP server that is registered in Letta has tools.",
    why: "An agent whose tools are gone answers without them.",
    fix: "`make thoth-restart`, for Thoth's; otherwise register the server again",
    needs: ["server", "state"],
    find: mcpServers,
  },
  {
    id: "passwords",
    title: "Letta's port and the gateway refuse a request without a token.",
    why: "Anyone who reaches the port could read and change every agent.",
    fix: "`make letta-start`",
    needs: ["gateway", "state"],
    find: passwords,
  },
  {
    id: "isolation",
    title: "A project that claims to be another user gets its own agents all the same.",
    why: "Projects share one Letta; only the token may decide whose agents a request sees.",
    fix: "`make letta-start`",
    needs: ["gateway", "state"],
    find: isolation,
  },
  {
    id: "certificate",
    title: "The gateway's certificate is valid for 30 days and more.",
    why: "Clients refuse an expired certificate.",
    fix: "renew the files of thoth-letta:tls, then `make letta-start`",
    needs: ["state"],
    find: async (patient) => certificate(lettaOf(patient).certificate),
  },
];

async function models(patient: Patient): Promise<Finding[]> {
  const all = await lettaJson<{ handle?: string }[]>(serverOf(patient), "GET", "/v1/models/");
  // Letta's own cloud model is listed always, and answers nobody since its makers turned it off.
  if (all.some(({ handle }) => handle?.startsWith("letta/") === false)) return [];
  const fix = "set a model provider (README, Models), then make letta-start";
  return [{ severity: "warning", problem: "Letta has no model provider, so no agent can answer", fix }];
}

/** Redis' port 6379 as the kernel's table of connections writes it, and its state "established". */
const toRedis = /^\s*\d+: \S+ [0-9A-F]+:18EB 01 /m;

async function redis({ deps, names }: Patient): Promise<Finding[]> {
  const table = await deps.engine.dockerOutput(["exec", names.server, "cat", "/proc/net/tcp", "/proc/net/tcp6"]);
  if (toRedis.test(table)) return [];
  return [{ severity: "error", problem: "Letta has no connection to Redis", fix: "make letta-restart" }];
}

async function pool(patient: Patient): Promise<Finding[]> {
  await lettaJson(serverOf(patient), "GET", "/v1/agents/count");
  const sql = `select count(*) from pg_stat_activity
    where usename in ('letta', 'letta-b') and backend_start < query_start - interval '1 second'`;
  const [[older] = []] = await patient.rows(sql);
  if (older !== "0") return [];
  const problem = "no connection of Letta to Postgres has served more than one request";
  return [{ severity: "warning", problem, fix: "make letta-restart" }];
}

async function stuckRuns({ rows }: Patient): Promise<Finding[]> {
  const sql = `select id, agent_id, extract(epoch from now() - created_at)::int / 3600 from runs
    where status in ('created', 'running') and created_at < now() - interval '1 hour' order by created_at limit 20`;
  return (await rows(sql, "letta")).map(([run, agent, hours]) => ({
    severity: "warning",
    problem: `${run} of ${agent} has been working for ${hours} h`,
    fix: `send POST /v1/agents/${agent}/messages/cancel`,
  }));
}

async function mcpServers(patient: Patient): Promise<Finding[]> {
  const found = await Promise.all(
    Object.entries(lettaOf(patient).projects).map(async ([project, { user }]) => {
      const endpoint = { ...serverOf(patient), user };
      const servers = await lettaJson<{ id: string; server_name: string }[]>(endpoint, "GET", "/v1/mcp-servers/");
      return Promise.all(servers.map((server) => withoutTools(endpoint, project, server)));
    }),
  );
  return found.flat().filter((finding) => finding !== undefined);
}

async function withoutTools(
  endpoint: LettaEndpoint,
  project: string,
  { id, server_name: name }: { id: string; server_name: string },
): Promise<Finding | undefined> {
  const tools = await lettaJson<unknown[]>(endpoint, "GET", `/v1/mcp-servers/${id}/tools`);
  if (tools.length > 0) return undefined;
  const fix = "make thoth-restart, or register the server again";
  return { severity: "error", problem: `MCP server ${name} of project ${project} has no tools`, fix };
}

async function passwords(patient: Patient): Promise<Finding[]> {
  const [project = ""] = Object.keys(lettaOf(patient).projects);
  const doors = [serverOf(patient), ...(project === "" ? [] : [projectEndpoint(lettaOf(patient), project)])];
  const open = await Promise.all(doors.map(async (door) => ({ ...door, status: await statusWithoutToken(door) })));
  return open
    .filter(({ status }) => status !== 401)
    .map(({ url, status }) => ({
      severity: "error",
      problem: `${url} answers ${status} to a request without a token, not 401`,
      fix: "make letta-start",
    }));
}

async function statusWithoutToken(endpoint: LettaEndpoint): Promise<number> {
  try {
    return (await lettaFetch({ ...endpoint, password: "" }, "GET", "/v1/agents/?limit=1")).status;
  } catch (error) {
    if (error instanceof LettaApiError) return error.status;
    throw error;
  }
}

async function isolation(patient: Patient): Promise<Finding[]> {
  const projects = Object.entries(lettaOf(patient).projects);
  const found = await Promise.all(
    projects.map(async ([name]) => {
      const others = projects.filter(([other]) => other !== name).map(([, { user }]) => user);
      const endpoint = projectEndpoint(lettaOf(patient), name);
      const own = await lettaJson<number>(endpoint, "GET", "/v1/agents/count");
      // Only the gateway's answer to the claim counts, not who exists.
      const claimed = others[0] ?? "user-ffffffff-ffff-4fff-8fff-ffffffffffff";
      const seen = await lettaJson<number>({ ...endpoint, user: claimed }, "GET", "/v1/agents/count");
      const problem = `project ${name} sees ${seen} agents as ${claimed}, and ${own} as itself`;
      return seen === own ? [] : [{ severity: "error" as const, problem, fix: "make letta-start" }];
    }),
  );
  return found.flat();
}

function certificate(pem: string | undefined): Finding[] {
  if (pem === undefined) return [];
  const { validTo } = new X509Certificate(pem);
  const days = Math.floor((Date.parse(validTo) - Date.now()) / 86_400_000);
  if (days >= 30) return [];
  const problem =
    days < 0 ? `the gateway's certificate expired on ${validTo}` : `the gateway's certificate ends in ${days} days`;
  const fix = "renew the files of thoth-letta:tls, then make letta-start";
  return [{ severity: days < 0 ? "error" : "warning", problem, fix }];
}
