import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { exportRepository, importRepository, pullRepository, repositoryBytes } from "./archive.ts";
import { countDatabase } from "./checks.ts";
import { errorEvent, sendControl } from "./control.ts";
import { pgbackrestEngine } from "./engines/pgbackrest.ts";
import { BackupError } from "./errors.ts";
import { type BackupEvent, progressOf, type Report } from "./events.ts";
import { paths } from "./paths.ts";
import { parseTarget } from "./points.ts";
import { startPrivately } from "./private-server.ts";
import { rejoin } from "./recovery.ts";
import { restore } from "./restore.ts";
import { chain } from "./run.ts";
import { listing, serve, serveDrill } from "./serve.ts";
import { type Settings, settingsSchema } from "./settings.ts";
import { EncryptedStore } from "./store.ts";

interface Options {
  settings?: string;
  type?: string;
  to?: string;
  target?: string;
  only?: string;
  database?: string;
  tables?: string;
}

/** Events of commands whose standard output is data. */
const toStderr: Report = (event) => void process.stderr.write(`${JSON.stringify(event)}\n`);
const toStdout: Report = (event) => void process.stdout.write(`${JSON.stringify(event)}\n`);

const program = new Command("backup").description("The backup agent of a letta stack");
program.option("--settings <file>", "the settings, - for standard input", paths.settings);

/** Tells a command's last event, which says how it ended. */
function conclude(report: Report, last: BackupEvent): void {
  report(last);
  process.exitCode = last.event === "result" ? 0 : 1;
}

/** The event that a piece of work ends with. */
async function outcome(work: () => Promise<unknown>): Promise<BackupEvent> {
  try {
    return { event: "result", value: await work() };
  } catch (error) {
    return errorEvent(error);
  }
}

/** Adds a command that the serving process runs. */
function remote(name: string, description: string, flags: string[] = [], argument?: string): void {
  const command = program.command(name).description(description);
  if (argument !== undefined) command.argument(`<${argument}>`);
  for (const flag of flags) command.option(flag);
  command.action(async (...args: unknown[]) => {
    const options = { ...command.opts(), ...(argument === undefined ? {} : { [argument]: String(args[0]) }) };
    conclude(toStdout, await sendControl({ command: name, options }, toStdout));
  });
}

/** Adds a command that this process runs itself; its result is the last event. */
function local(
  command: Command,
  report: Report,
  work: (settings: Settings, options: Options, args: string[]) => Promise<unknown>,
): void {
  command.action(async () => {
    const options = command.optsWithGlobals<Options>();
    conclude(report, await outcome(async () => work(await readSettings(options), options, command.args)));
  });
}

remote("now", "make a backup", ["--type <type>", "--pace <fast|gentle>"]);
program
  .command("list")
  .description("what the repository has")
  .action(async () => {
    // The repository alone tells it, where nobody serves.
    const isServed = program.opts<Options>().settings === paths.settings;
    const listAlone = async () => listing(pgbackrestEngine(await readSettings(program.opts<Options>())));
    const last = isServed ? sendControl({ command: "list", options: {} }, toStdout) : outcome(listAlone);
    conclude(toStdout, await last);
  });
remote("verify", "read the whole repository");
remote("expire", "remove what retention does not keep");
remote("point", "make a named restore point", [], "name");
remote("status", "everything there is to know");
remote("health", "is the agent ready");
remote("dump", "dump every database, and archive Letta's files");
remote("drill", "rehearse a restore", ["--to <point>"]);
const offsite = program.command("offsite").description("the copy on another host");
offsite.command("push").action(async () => {
  conclude(toStdout, await sendControl({ command: "offsite push", options: {} }, toStdout));
});

local(offsite.command("pull"), toStdout, async (settings) => pullRepository(settings, toStdout));
local(
  program.command("restore").requiredOption("--target <target>").option("--only <database>"),
  toStdout,
  async (settings, { target, only }) => {
    const options = { target: await parseTarget(target ?? ""), cluster: paths.cluster, only };
    return restore(pgbackrestEngine(settings), options, toStdout);
  },
);
local(program.command("rejoin"), toStdout, async (settings) =>
  rejoin(pgbackrestEngine(settings), paths.cluster, toStdout),
);
local(
  program.command("extract").requiredOption("--database <name>").option("--tables <names>"),
  toStderr,
  async (_, { database, tables }) => extract(database ?? "", tables?.split(",") ?? []),
);
local(program.command("put").argument("<name>"), toStdout, async (settings, _, [name]) => ({
  bytes: await files(settings).put(name ?? "", process.stdin),
}));
local(program.command("get").argument("<name>"), toStderr, async (settings, _, [name]) => {
  await chain([await files(settings).get(name ?? "")], { sink: process.stdout });
  return {};
});
local(program.command("ls"), toStdout, (settings) => files(settings).list());
local(program.command("export"), toStderr, exportAll);
local(program.command("import"), toStdout, async (settings) => importRepository(process.stdin, settings));
program.command("serve").action(async () => serving(serve));
program.command("serve-drill").action(async () => serving(serveDrill));

async function serving(run: typeof serve): Promise<void> {
  const settings = await readSettings(program.opts<Options>());
  await run(settings, pgbackrestEngine(settings));
}

function files({ recoveryKey }: Settings): EncryptedStore {
  return new EncryptedStore(paths.files, recoveryKey);
}

/** Dumps from a restored cluster, on a server that nobody else reaches. */
async function extract(database: string, tables: readonly string[]): Promise<object> {
  const server = await startPrivately(paths.cluster);
  try {
    const wanted = tables.flatMap((table) => ["--table", table]);
    const args = ["--format=custom", "--host", server.socket, "--username=postgres", ...wanted, "--dbname", database];
    await chain([["pg_dump", args]], { sink: process.stdout });
    return { database, tables, rows: await countDatabase(database, server.socket) };
  } finally {
    await server.stop();
  }
}

/** No job changes the repository while it is read. */
async function exportAll(): Promise<object> {
  const controller = new AbortController();
  const held = Promise.withResolvers<void>();
  const holding = sendControl({ command: "hold", options: {} }, (event) => event.event === "log" && held.resolve(), {
    signal: controller.signal,
  }).catch(() => held.resolve());
  await held.promise;
  const totalBytes = await repositoryBytes();
  let bytes = 0;
  const progress = progressOf(toStderr, "export", totalBytes);
  await exportRepository(process.stdout, (count) => {
    bytes = count;
    progress(count);
  });
  controller.abort();
  await holding;
  return { bytes };
}

/** @throws BackupError when they are not there, or not the agent's */
async function readSettings({ settings: from = paths.settings }: Options): Promise<Settings> {
  const content = from === "-" ? await firstLine() : await readFile(from, "utf8");
  const parsed = settingsSchema.safeParse(JSON.parse(content));
  if (parsed.success) return parsed.data;
  throw new BackupError(`the settings are not the agent's: ${parsed.error.message}`, "make letta-start");
}

/** The first line of standard input; what follows is the command's data. */
async function firstLine(): Promise<string> {
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = process.stdin.read() as Buffer | null;
    if (chunk === null) {
      if (process.stdin.readableEnded) return Buffer.concat(chunks).toString();
      await Promise.race([once(process.stdin, "readable"), once(process.stdin, "end")]);
      continue;
    }
    const end = chunk.indexOf("\n");
    if (end < 0) {
      chunks.push(chunk);
      continue;
    }
    chunks.push(chunk.subarray(0, end));
    if (end + 1 < chunk.length) process.stdin.unshift(chunk.subarray(end + 1));
    return Buffer.concat(chunks).toString();
  }
}

try {
  await program.parseAsync();
} catch (error) {
  conclude(toStdout, errorEvent(error));
}
