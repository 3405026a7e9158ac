import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { BackupError } from "./errors.ts";
import { withPostgres } from "./postgres.ts";
import { ended, output, start } from "./run.ts";

/** A Postgres on a restored cluster that nobody but this process reaches. */
export interface PrivateServer {
  /** Folder of its socket. */
  readonly socket: string;
  /** Its last lines, for messages. */
  readonly lines: readonly string[];
  /** Stops it as a clean shutdown, so that the cluster can be checked and served. */
  stop(): Promise<void>;
}

/** What a private server is told, whatever the cluster's own settings say. */
const settings = {
  listen_addresses: "",
  // Nothing that is replayed or checked here may reach the repository.
  archive_mode: "off",
  // Otherwise settings such as max_connections must be those of the server that wrote the WAL.
  hot_standby: "off",
  max_connections: "20",
  shared_buffers: "128MB",
  fsync: "on",
  autovacuum: "off",
  synchronous_standby_names: "",
  log_min_messages: "log",
};

/**
 * Starts Postgres on a cluster and waits until it has replayed what it is to replay and answers.
 *
 * @throws BackupError with what Postgres said when it ends before that: its target is not in the WAL, WAL is damaged
 */
export async function startPrivately(
  cluster: string,
  { env = {}, temporary = tmpdir() }: { env?: Readonly<Record<string, string>>; temporary?: string } = {},
): Promise<PrivateServer> {
  const socket = await mkdtemp(join(temporary, "letta-restore-"));
  await output("chown", ["999:999", socket], { asRoot: true });
  const options = Object.entries({ ...settings, unix_socket_directories: socket });
  const args = ["-D", cluster, ...options.flatMap(([name, value]) => ["-c", `${name}=${value}`])];
  const child = start("postgres", args, { env });
  child.stdin?.end();
  const lines = collectLines(child);
  let exitCode: number | undefined;
  const end = ended(child, "postgres").then((code) => {
    exitCode = code;
  });
  while (!(await answers(socket))) {
    if (exitCode !== undefined) throw await failed(socket, lines, exitCode);
    await Promise.race([sleep(100), end]);
  }
  return {
    socket,
    lines,
    async stop() {
      // Fast shutdown: ends sessions and checkpoints.
      child.kill("SIGINT");
      await end;
      await rm(socket, { recursive: true, force: true });
      if (exitCode !== 0) throw new BackupError(`the restored Postgres did not stop cleanly:\n${tail(lines)}`);
    },
  };
}

/** Refuses connections until the recovery has ended and it is promoted. */
async function answers(socket: string): Promise<boolean> {
  try {
    return await withPostgres(
      async (client) => (await client.query("select pg_is_in_recovery() as busy")).rows[0]?.busy === false,
      { socket },
    );
  } catch {
    return false;
  }
}

async function failed(socket: string, lines: readonly string[], exitCode: number): Promise<BackupError> {
  await rm(socket, { recursive: true, force: true });
  // Attempts to connect before it is up are refused as FATAL too.
  const isOwn = /FATAL: {2}the database system is (starting up|not yet accepting|not accepting|shutting down)/;
  const fatal = lines.filter((line) => /FATAL|PANIC|ERROR/.test(line) && !isOwn.test(line)).slice(-4);
  const said = fatal.length > 0 ? fatal.map((line) => `    ${line}`).join("\n") : tail(lines);
  const isGap = fatal.some((line) => line.includes("recovery ended before configured recovery target was reached"));
  const why = isGap
    ? "the WAL in the repository ends, or is damaged, before the target"
    : `it ended with exit code ${exitCode}`;
  const fix = isGap ? "make backup-verify; if nothing was written after the target, restore latest" : undefined;
  return new BackupError(`the restored Postgres gave up: ${why}\n${said}`, fix);
}

function tail(lines: readonly string[]): string {
  return lines
    .slice(-8)
    .map((line) => `    ${line}`)
    .join("\n");
}

function collectLines(child: ChildProcess): string[] {
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream as Readable }).on("line", (line) => {
      lines.push(line);
      if (lines.length > 2000) lines.splice(0, 1000);
    });
  }
  return lines;
}
