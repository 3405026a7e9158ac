import { expect, vi } from "vitest";
import type { Repository } from "../../images/backup/src/contract.ts";
import { docker, dockerOutput } from "../../infra/lib/docker/engine.ts";
import { lettaJson } from "../../infra/lib/letta/api.ts";
import { startKillable } from "./kill.ts";
import { succeeded, type TestProject } from "./stacks.ts";

/** What the repository of a stack has. */
export async function repositoryOf(project: TestProject): Promise<Repository> {
  return JSON.parse(succeeded(await project.command(["backup", "list", "--json"])).stdout) as Repository;
}

/** Waits for the full backup that a new stack makes by itself. */
export async function firstBackup(project: TestProject): Promise<void> {
  const isThere = async () => expect((await repositoryOf(project)).backups.length).toBeGreaterThan(0);
  await vi.waitFor(isThere, { timeout: 180_000, interval: 1000 });
}

/** Makes an agent in Letta. @returns its id */
export async function makeAgent(project: TestProject, name: string): Promise<string> {
  const model = { model: "letta/letta-free", embedding: "letta/letta-free", include_base_tools: false };
  return (await lettaJson<{ id: string }>(await project.lettaEndpoint(), "POST", "/v1/agents/", { name, ...model })).id;
}

/** Names of all agents that Letta lists. */
export async function agentNames(project: TestProject): Promise<string[]> {
  const agents = await lettaJson<{ name: string }[]>(await project.lettaEndpoint(), "GET", "/v1/agents/?limit=1000");
  return agents.map(({ name }) => name).sort();
}

/** Postgres' own time, with everything committed before it and nothing after it. */
export async function momentBetween(project: TestProject): Promise<string> {
  return (await project.psql("select pg_sleep(1); select clock_timestamp(); select pg_sleep(1)")).trim();
}

/** Docker volumes of a letta stack, without its prefix. */
export async function volumesOf(project: TestProject): Promise<string[]> {
  const names = await dockerOutput(["volume", "ls", "--quiet", "--filter", `name=^${project.letta}-`]);
  const start = project.letta.length + 1;
  return names
    .trim()
    .split("\n")
    .map((name) => name.slice(start))
    .sort();
}

/** Kills Postgres and removes its volume, and every container that has it mounted. */
export async function destroyPostgres(project: TestProject): Promise<void> {
  const postgres = `${project.letta}-postgres`;
  const volume = await volumeIn(postgres);
  await dockerOutput(["rm", "--force", postgres, `${project.letta}-backup`, `${project.letta}-drill`]);
  await dockerOutput(["volume", "rm", volume]);
}

/** Runs one of the project's commands and kills it, with all that it started, as soon as `isTime` says so. */
export async function killWhen(project: TestProject, args: string[], isTime: () => Promise<boolean>): Promise<void> {
  const running = startKillable(project, args);
  const isTimeNow = async () => {
    running.requireRunning();
    return isTime();
  };
  await vi.waitUntil(isTimeNow, { timeout: 300_000, interval: 20 });
  await running.kill();
}

/** True when a container of this name is there, running or not. */
export async function isContainerThere(name: string): Promise<boolean> {
  return (await docker(["container", "inspect", "--format", "{{.Id}}", name])).exitCode === 0;
}

/** Name of the volume that a container has mounted at Postgres' path; empty without such a container. */
export async function volumeIn(container: string): Promise<string> {
  const format = '{{range .Mounts}}{{if eq .Destination "/var/lib/postgresql/data"}}{{.Name}}{{end}}{{end}}';
  return (await docker(["inspect", "--format", format, container])).stdout.trim();
}
