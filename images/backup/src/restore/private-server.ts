import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { BackupError } from "../errors.ts";
import { rowsOf } from "../postgres.ts";
import { ended, output, start } from "../process/run.ts";
import type { World } from "../world.ts";

/** A Postgres on a restored cluster that only this process reaches. */
export interface PrivateServer {
  /** Folder of its socket. */
  readonly socket: string;
  /** Its last lines. */
  readonly lines: readonly string[];
  /** Shuts it down cleanly, so that the cluster can be checked and used. */
  stop(): Promise<void>;
}

/** Overrides the cluster's own settings. */
const settings = {
  listen_addresses: "",
  // Nothing that is replayed or checked here may reach the repository.
  archive_mode: "off",
  // With it on, settings such as max_connections would have to be those of the server that wrote the WAL.
  hot_standby: "off",
  max_connections: "20",
  shared_buffers: "128MB",
  fsync: "on",
  autovacuum: "off",
  synchronous_standby_names: "",
  log_min_messages: "log",
};

/**
 * Starts Postgres on a cluster and waits until it has replayed its WAL and answers.
 *
 * @param env of the server, for its restore_command
 * @throws BackupError with what Postgres said when it ends first: the target is not in the WAL, or WAL is damaged
 */
export async function startPrivately(
  world: World,
  cluster: string,
  env: Readonly<Record<string, string>> = {},
): Promise<PrivateServer> {
  const socket = await mkdtemp(join(tmpdir(), "letta-restore-"));
  await output(world, "chown", ["999:999", socket], { asRoot: true });
  const options = Object.entries({ ...settings, unix_socket_directories: socket });
  const args = ["-D", cluster, ...options.flatMap(([name, value]) => ["-c", `${name}=${value}`])];
  const child = start("postgres", args, { env });
  child.stdin?.end();
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream as Readable }).on("line", (line) => {
      lines.push(line);
      if (lines.length > 2000) lines.splice(0, 1000);
    });
  }
  let exitCode: number | undefined;
  const end = ended(child, "postgres").then((code) => {
    exitCode = code;
  });
  const remove = () => rm(socket, { recursive: true, force: true });
  while (!(await answers(world, socket))) {
    if (exitCode !== undefined) {
      await remove();
      throw replayFailure(lines, exitCode);
    }
    await Promise.race([sleep(100), end]);
  }
  return {
    socket,
    lines,
    async stop() {
      // Fast shutdown: ends sessions and checkpoints.
      child.kill("SIGINT");
      await end;
      await remove();
      if (exitCode !== 0) throw new BackupError(`the restored Postgres did not stop cleanly:\n${indented(lines)}`);
    },
  };
}

/** Refuses connections until recovery has ended and it is promoted. */
async function answers(world: World, socket: string): Promise<boolean> {
  const rows = await rowsOf<{ busy: boolean }>(world, "select pg_is_in_recovery() as busy", [], { socket }).catch(
    () => [],
  );
  return rows[0]?.busy === false;
}

function replayFailure(lines: readonly string[], exitCode: number): BackupError {
  // Our own attempts to connect are refused as FATAL too.
  const isOurs = /FATAL: {2}the database system is (starting up|not yet accepting|not accepting|shutting down)/;
  const fatal = lines.filter((line) => /FATAL|PANIC|ERROR/.test(line) && !isOurs.test(line)).slice(-4);
  const said = indented(fatal.length > 0 ? fatal : lines);
  if (!fatal.some((line) => line.includes("recovery ended before configured recovery target was reached")))
    return new BackupError(`the restored Postgres gave up with exit code ${exitCode}:\n${said}`);
  return new BackupError(
    `the WAL in the repository ends, or is damaged, before the target:\n${said}`,
    "make backup-verify; if nothing was written after the target, restore latest",
  );
}

function indented(lines: readonly string[]): string {
  const last = lines.slice(-8).map((line) => `    ${line}`);
  return last.join("\n");
}
