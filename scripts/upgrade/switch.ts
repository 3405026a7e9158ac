import { UserError } from "../../infra/lib/errors.ts";
import { retryWhile, until } from "../../infra/lib/until.ts";
import { callAgent, inContainer } from "../lib/backup-agent/call.ts";
import { copySettings, disconnect, dropDatabase, listDatabases, swapDatabases } from "../lib/databases.ts";
import type { Deps } from "../lib/deps.ts";
import { endOperation } from "../lib/operation.ts";
import { identifier, isPostgresUp, literal, psql } from "../lib/psql.ts";
import { up } from "../lib/pulumi.ts";
import { repair } from "../lib/repair.ts";
import { changeConfigFile } from "../lib/stack-file.ts";
import { stopContainers } from "../lib/stacks.ts";
import { differences, requireNone, takeInventory } from "./check.ts";
import { removeCopy } from "./copy.ts";
import { awaitRuns, keepOut, letIn } from "./drain.ts";
import { type Change, databaseNames, enter, type Run } from "./operation.ts";

/** Drains Letta, stops it, and makes the ways back: a restore point, and for a migration a copy of the database. */
export async function stop<Kind extends Change>(run: Run, begun: Kind, drainSeconds: number): Promise<Kind> {
  const { deps, site } = run;
  const operation = await enter(run, begun, { phase: "stop" });
  deps.print("draining: new runs are answered 503 with Retry-After, reads still work");
  await keepOut(deps, site, "runs");
  await awaitRuns(deps, site, drainSeconds);
  await keepOut(deps, site, "all");
  await stopContainers(deps, [site.names.server]);
  const before = await takeInventory(deps, site.place);
  const { expected = before } = operation;
  const point = `before-${operation.kind.replace("letta-", "")}-${operation.id}`;
  if (site.backups !== undefined) {
    await callAgent(deps, inContainer(site.backups.containers.backup, ["point", point]));
    deps.print(`restore point ${point}`);
  }
  for (const database of operation.kind === "letta-upgrade" ? operation.databases : [])
    await copyDatabase(deps, site.names.postgres, database, databaseNames(operation, database).before);
  const known = { before, expected, ...(site.backups === undefined ? {} : { point }) };
  return enter(run, operation, { phase: "switch", ...known });
}

/** Copies a database within its cluster, with its owner and settings; takes as long as copying its files. */
async function copyDatabase(deps: Deps, container: string, from: string, to: string): Promise<void> {
  // The role of a database's name owns it.
  const [copied, original] = [identifier(to), identifier(from)];
  const create = `create database ${copied} template ${original} owner ${original} strategy file_copy`;
  // A template may not be in use, and a reader may connect again in between.
  const copy = () => psql(deps, container, `${disconnect(from)};\n${create};`);
  await retryWhile(/being accessed by other users/, copy, { seconds: 10 });
  await psql(deps, container, `revoke all on database ${copied} from public`);
  await copySettings(deps, container, from, to);
}

/**
 * Does what is left from `switch` on, however much of it was done before; goes back when the new state does not work.
 *
 * @returns how it ended @throws UserError when the way back fails too
 */
export async function finish(run: Run, begun: Change): Promise<Change> {
  const { deps, site } = run;
  let operation = begun;
  try {
    if (operation.phase === "switch") {
      const problem = await switchOver(run, operation).then(
        () => undefined,
        (error: Error) => error.message,
      );
      if (problem !== undefined) deps.print(`it fails: ${problem.split("\n", 1)[0]}`);
      operation = await enter(run, operation, problem === undefined ? { phase: "open" } : { phase: "return", problem });
    }
    if (operation.phase === "return") {
      await goBack(run, operation);
      operation = await enter(run, operation, { phase: "open" });
    }
    await letIn(deps, site);
    await removeLeftovers(run, operation);
    return operation;
  } catch (error) {
    throw new UserError(
      `stack ${operation.stack} is closed to clients: ${(error as Error).message}`,
      `what is named above, then ${operation.resume}`,
    );
  }
}

/** Each step can be done again. */
async function switchOver({ deps, site }: Run, operation: Change): Promise<void> {
  if (operation.kind === "letta-upgrade") {
    await changeConfigFile(deps, site.stack, { [`${operation.what}Version`]: operation.to.version });
  } else {
    await stopContainers(deps, [site.names.server]);
    const swaps = operation.databases.map((database) => {
      const { incoming, before } = databaseNames(operation, database);
      return { database, incoming, kept: before };
    });
    await swapDatabases(deps, site.names.postgres, swaps);
  }
  // Without a terminal the error says why it failed.
  await up({ ...deps, isTerminal: false }, site.stack);
  if (operation.expected === undefined) throw new Error("there is no inventory from before the switch");
  const found = differences(operation.expected, await takeInventory(deps, site.place), { exact: false });
  requireNone(found, "not everything is as it was");
  deps.print("every agent, row and text is as it was");
}

/**
 * Brings back the old version and the databases from before. Other databases of the cluster, whose applications worked on
 * meanwhile, are left as they are.
 *
 * @throws UserError when the old version does not come up, or something is not as it was
 */
async function goBack(run: Run, operation: Change): Promise<void> {
  const { deps, site } = run;
  deps.print("going back to what was there before");
  if (operation.kind === "letta-upgrade") {
    const { configured } = operation.from;
    await changeConfigFile(deps, site.stack, { [`${operation.what}Version`]: configured ?? undefined });
  }
  await repair(deps, site.stack);
  if (operation.databases.length > 0) await takeBackDatabases(run, operation);
  await upPatiently(deps, site.stack);
  if (operation.before === undefined) return;
  const now = await takeInventory(deps, site.place);
  const found = differences(operation.before, now, { exact: false });
  if (now.schemaVersion !== operation.before.schemaVersion) found.push(`the schema is at ${now.schemaVersion}`);
  const fix = operation.point === undefined ? undefined : `make restore POINT=${operation.point}`;
  requireNone(found, "the old version is back, but not everything is as it was", fix);
}

async function takeBackDatabases({ deps, site }: Run, operation: Change): Promise<void> {
  const { postgres, server } = site.names;
  // A migration that still works belongs to a run that was killed.
  await deps.engine.docker(["rm", "--force", `${server}-migration`]);
  await stopContainers(deps, [server]);
  await deps.engine.docker(["start", postgres]);
  await until(() => isPostgresUp(deps, postgres), {
    seconds: 60,
    problem: () => new UserError(`${postgres} does not answer`, "make letta-logs"),
  });
  const swaps = operation.databases.map((database) => {
    const { before, failed } = databaseNames(operation, database);
    return { database, incoming: before, kept: failed };
  });
  await swapDatabases(deps, postgres, swaps);
}

/** Brings up what worked before: when it does not answer in time, the machine is busy, so it is tried again. */
async function upPatiently(deps: Deps, stack: string): Promise<void> {
  try {
    await up(deps, stack);
  } catch {
    deps.print("trying again");
    await repair(deps, stack);
    await up(deps, stack);
  }
}

/** Repairs what a killed run left, once the Pulumi that may have outlived it has ended. */
export async function repairAfterKill(deps: Deps, stack: string): Promise<void> {
  await retryWhile(/another run is at work/, () => repair(deps, stack), { seconds: 600, everyMs: 1000 });
}

/** Ends a change that did not come to its switch: the stack works on as before. */
export async function abandon(run: Run, operation: Change): Promise<void> {
  const { deps, site } = run;
  if (operation.phase === "stop") {
    await repairAfterKill(deps, site.stack);
    await upPatiently(deps, site.stack);
    await letIn(deps, site);
    // Postgres may still be at work on a copy for a client that was killed.
    const isCopying = `query like '%template%' and query like ${literal(`%_before_${operation.id}%`)}`;
    const others = `from pg_stat_activity where pid <> pg_backend_pid() and ${isCopying}`;
    await psql(deps, site.names.postgres, `select pg_terminate_backend(pid, 30000) ${others}`);
  }
  await removeLeftovers(run, operation);
}

/** Ends the operation, and removes what only it needed. */
async function removeLeftovers({ deps, site }: Run, operation: Change): Promise<void> {
  await removeCopy(deps, site);
  for (const database of operation.databases) {
    const { incoming, before, failed } = databaseNames(operation, database);
    // An adoption keeps what the stack had before, an upgrade what its failed attempt left.
    const copies = operation.kind === "letta-upgrade" ? [before] : [incoming, failed];
    for (const name of copies) await dropDatabase(deps, site.names.postgres, name);
  }
  await endOperation(deps, operation);
}

/** Databases that are kept for the operator to look at. */
export async function keptDatabases({ deps, site }: Run, operation: Change): Promise<string[]> {
  const names = operation.databases.flatMap((database): string[] => Object.values(databaseNames(operation, database)));
  return (await listDatabases(deps, site.names.postgres)).filter((name) => names.includes(name));
}
