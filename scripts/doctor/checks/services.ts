import { crashLoopRestarts } from "../../../infra/lib/docker/engine.ts";
import { likelyCause, tellingLines } from "../../../infra/lib/docker/likely-cause.ts";
import { UserError } from "../../../infra/lib/errors.ts";
import { thothNames } from "../../../infra/lib/names.ts";
import { previewStack, resourceName } from "../../lib/preview/steps.ts";
import { prefixOf } from "../../lib/stack-file.ts";
import type { Check, Finding } from "../check.ts";
import { lettaOf, type Patient } from "../patient.ts";

/** The containers of both stacks. */
export const serviceChecks: readonly Check[] = [
  {
    id: "containers",
    title: "Every container of both stacks runs.",
    why: "Letta, and what uses it, needs all of them.",
    fix: "`make up`",
    needs: ["engine"],
    find: (patient) => ofContainers(patient, notRunning),
  },
  {
    id: "health",
    title: "Every running container passes its health check now.",
    why: "A service can run and answer nothing. The cause is drawn from its log.",
    fix: "`make letta-logs`, `make thoth-logs`",
    needs: ["engine"],
    find: (patient) => ofContainers(patient, notHealthy),
  },
  {
    id: "restarts",
    title: "No container restarts again and again.",
    why: "The engine restarts what crashes, which hides the crash.",
    fix: "`make letta-logs`, `make thoth-logs`",
    needs: ["engine"],
    find: (patient) => ofContainers(patient, crashLoop),
  },
  {
    id: "network",
    title: "Thoth's containers are on Letta's network.",
    why: "Otherwise they cannot reach Letta or their database: “database connection failed”.",
    fix: "`make thoth-restart`",
    needs: ["state", "thoth"],
    find: network,
  },
  {
    id: "drift",
    title: "What runs is what the config asks for.",
    why: "A changed config or a container changed by hand takes effect with the next update, which may surprise.",
    fix: "`make up`",
    needs: ["engine", "state"],
    find: drift,
  },
];

type Look = (patient: Patient, name: string) => Promise<Finding | undefined>;

async function ofContainers(patient: Patient, look: Look): Promise<Finding[]> {
  const found = await Promise.all([...patient.containers.keys()].map((name) => look(patient, name)));
  return found.filter((finding) => finding !== undefined);
}

async function causeOf({ deps, containers }: Patient, name: string, red = ""): Promise<string> {
  const log = tellingLines(await deps.engine.lastLogLines(name, 60), red);
  const cause = likelyCause(containers.get(name), log.slice(-15));
  return cause === undefined ? "" : `; likely cause: ${cause}`;
}

async function notRunning(patient: Patient, name: string): Promise<Finding | undefined> {
  const state = patient.containers.get(name)?.State;
  if (state === undefined) return { severity: "error", problem: `${name} does not exist`, fix: "make up" };
  if (state.Status === "running") return undefined;
  const exit = state.Status === "exited" ? ` (exit code ${state.ExitCode})` : "";
  return {
    severity: "error",
    problem: `${name} is ${state.Status}${exit}${await causeOf(patient, name)}`,
    fix: "make up",
  };
}

async function notHealthy(patient: Patient, name: string): Promise<Finding | undefined> {
  if (patient.containers.get(name)?.State.Status !== "running") return undefined;
  const red = await patient.deps.engine.runHealthCheck(name);
  if (red === undefined) return undefined;
  const said = red.split("\n").at(-1);
  const problem = `${name} does not answer: ${said}${await causeOf(patient, name, said)}`;
  return { severity: "error", problem, fix: logsOf(patient, name) };
}

async function crashLoop(patient: Patient, name: string): Promise<Finding | undefined> {
  const count = patient.containers.get(name)?.RestartCount ?? 0;
  if (count < crashLoopRestarts) return undefined;
  const problem = `${name} crashed ${count} times since its last start${await causeOf(patient, name)}`;
  return { severity: "warning", problem, fix: logsOf(patient, name) };
}

const logsOf = ({ letta }: Patient, name: string) =>
  letta?.containers.includes(name) === true ? "make letta-logs" : "make thoth-logs";

async function network(patient: Patient): Promise<Finding[]> {
  const { deps, thoth, containers, stacks } = patient;
  const { name } = lettaOf(patient).network;
  const { role } = thothNames(prefixOf(deps, stacks.thoth));
  const members = await deps.engine.networkContainers(name);
  const running = (thoth?.containers ?? []).filter((one) => containers.get(one)?.State.Status === "running");
  const missing = running.filter((one) => !members.includes(one));
  return missing.map((one) => {
    // Letta knows the MCP server by its role's name, which is an alias where all roles are in one container.
    const roles = Object.keys(thoth?.roles ?? {}).filter((each) => thoth?.roles[each] === one && role(each) !== one);
    const connect = ["network", "connect", ...roles.flatMap((each) => ["--alias", role(each)]), name, one];
    return {
      severity: "error",
      problem: `${one} is not on network ${name}`,
      fix: `docker ${connect.join(" ")}`,
      repair: () => deps.engine.dockerOutput(connect),
    };
  });
}

async function drift({ deps, stacks, letta, thoth }: Patient): Promise<Finding[]> {
  const present = [letta && stacks.letta, thoth && stacks.thoth].filter((stack) => stack !== undefined);
  return (await Promise.all(present.map((stack) => driftOf(deps, stack)))).flat();
}

async function driftOf(deps: Patient["deps"], stack: string): Promise<Finding[]> {
  try {
    const changed = (await previewStack(deps, stack)).map(({ op, urn }) => `${op} ${resourceName(urn)}`);
    if (changed.length === 0) return [];
    const problem = `an update of stack ${stack} would change ${changed.length} resources: ${listed(changed)}`;
    return [{ severity: "warning", problem, fix: `make preview STACK=${stack}, then make up` }];
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return [{ severity: "error", problem: error.problem, fix: error.fix ?? `pulumi preview --stack ${stack}` }];
  }
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(", ");
  return names.length > 5 ? `${shown}, …` : shown;
}
