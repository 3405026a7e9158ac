import { paths, type SettingsInput } from "../../../images/backup/src/contract.ts";
import { agentCapabilities, runOnce } from "../../../infra/lib/docker/engine.ts";
import { UserError } from "../../../infra/lib/errors.ts";
import { imageReference } from "../../../infra/lib/images.ts";
import { labels, lettaNames } from "../../../infra/lib/names.ts";
import { until } from "../../../infra/lib/until.ts";
import type { Deps } from "../deps.ts";
import { namesOf, prefixOf } from "../stack-file.ts";
import { imageSource } from "../stack-images.ts";
import { type LettaStack, readLetta, required } from "../stacks.ts";
import { type AgentCall, inContainer } from "./call.ts";

/** What it takes to run the agent for a letta stack, whether or not the stack is up. */
export interface AgentSite {
  readonly stack: string;
  /** Start of the stack's Docker names. */
  readonly prefix: string;
  /** The image of the agent and of everything it needs. */
  readonly image: string;
  /** The agent's settings as JSON in one line; secret. */
  readonly settings: string;
  /** Volume of the repository. */
  readonly repository: string;
}

/** A letta stack with backups that has been brought up. */
export interface BackupStack extends AgentSite {
  readonly letta: LettaStack;
  /** Docker names. */
  readonly containers: { readonly postgres: string; readonly backup: string; readonly drill: string };
}

/**
 * The letta stack as its backups need it.
 *
 * @throws UserError when it never came up, has no backups, or its outputs are of a version that had none
 */
export async function readBackupStack(deps: Deps, stack: string): Promise<BackupStack> {
  const letta = required(await readLetta(deps, stack), stack, "make letta-start");
  const { backup, backupSettings, volumes } = letta;
  if (backup?.enabled === undefined)
    throw new UserError(`an older version brought stack ${stack} up last`, "make letta-start");
  if (!backup.enabled || backupSettings === undefined || volumes.backup === undefined) {
    throw new UserError(
      `stack ${stack} has no backups: thoth-letta:backup.enabled is false`,
      `pulumi config set --path 'thoth-letta:backup.enabled' true -s ${stack}, then make letta-start`,
    );
  }
  const prefix = prefixOf(deps, stack);
  return {
    stack,
    prefix,
    letta,
    image: await agentImage(deps, stack, backup.container),
    settings: JSON.stringify(JSON.parse(backupSettings)),
    repository: volumes.backup,
    containers: { postgres: lettaNames(prefix).postgres, backup: backup.container, drill: backup.drillContainer },
  };
}

/**
 * A letta stack of which there is no more than its repository, or will be.
 *
 * @param known what the agent needs besides the key
 */
export async function siteWithKey(
  deps: Deps,
  stack: string,
  recoveryKey: string,
  known: Partial<SettingsInput> = {},
): Promise<AgentSite> {
  const prefix = prefixOf(deps, stack);
  const { backup: container, volumes } = namesOf(deps, stack);
  const unused = { schedule: {}, retention: {}, configHash: "", keys: {} };
  const settings = { recoveryKey, stack, ...unused, ...known };
  return {
    stack,
    prefix,
    image: await agentImage(deps, stack, container),
    settings: JSON.stringify(settings),
    repository: volumes.backup,
  };
}

/** The image that made the stack's backups, or without a container the one that it would get. */
async function agentImage(deps: Deps, stack: string, container: string): Promise<string> {
  const running = await deps.engine.inspectContainer(container);
  if (running !== undefined) return running.Config.Image;
  return imageReference("backup", imageSource(deps, stack));
}

/** How long a container of the agent may take to serve, in seconds. */
const serveSeconds = 120;

/** Waits until the agent serves in a container that may have just started. @throws UserError with what is wrong */
export async function waitForAgent(deps: Deps, container: string): Promise<void> {
  let problem: string | undefined;
  const isServing = async () => {
    problem = await deps.engine.runHealthCheck(container);
    return problem === undefined;
  };
  const notServing = () => new UserError(`${container} does not serve: ${problem}`, "make letta-logs");
  await until(isServing, { seconds: serveSeconds, problem: notServing });
}

/** A command in its own container. */
export interface OneOff {
  /** The container's name is the stack's prefix and this. */
  readonly name: string;
  readonly args: readonly string[];
  /** Volume mounted as that of Postgres. */
  readonly cluster?: string;
  /** Default: read-only. */
  readonly writesRepository?: boolean;
  /** Whether it reaches other hosts, and this one as the stack's containers do. */
  readonly hasNetwork?: boolean;
  /** What it reads after its settings. */
  readonly input?: string;
  readonly inputFile?: string;
}

/** A command of the agent in a container that is removed when it ends. `docker inspect` shows no secret of it. */
export function oneOff(
  site: AgentSite,
  { name, args, cluster, writesRepository, hasNetwork, input, inputFile }: OneOff,
): AgentCall {
  const mode = writesRepository === true ? "" : ":ro";
  return {
    name: args[0] ?? "",
    docker: [
      ...[...runOnce(agentCapabilities), ...network(hasNetwork === true), "--log-driver", "none"],
      ...["--name", `${site.prefix}-${name}`, "--label", `${labels.prefix}=${site.prefix}`],
      ...["--volume", `${site.repository}:${paths.repository}${mode}`],
      ...(cluster === undefined ? [] : ["--volume", `${cluster}:${paths.volume}`]),
      ...["--entrypoint", "backup", site.image, "--settings", "-", ...args],
    ],
    input: `${site.settings}\n${input ?? ""}`,
    ...(inputFile === undefined ? {} : { inputFile }),
  };
}

function network(isWanted: boolean): string[] {
  return isWanted ? ["--add-host", "host.docker.internal:host-gateway"] : ["--network", "none"];
}

/** The command in the serving container where that runs, else in its own: reading needs only the repository. */
export async function reading(deps: Deps, site: BackupStack, args: readonly string[]): Promise<AgentCall> {
  const container = await deps.engine.inspectContainer(site.containers.backup);
  return container?.State.Running ? inContainer(site.containers.backup, args) : oneOff(site, { name: "agent", args });
}
