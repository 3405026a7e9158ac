import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { type BackupEvent, parseTarget, paths, type Report, type Settings, settingsSchema } from "./contract.ts";
import { outcome, sendControl, whileHeld } from "./control.ts";
import { BackupError } from "./errors.ts";
import { OffsiteCopy } from "./offsite/copy.ts";
import { Backups } from "./pgbackrest/backups.ts";
import { countDatabase } from "./restore/checks.ts";
import { datedTarget, listing } from "./restore/points.ts";
import { startPrivately } from "./restore/private-server.ts";
import { rejoin } from "./restore/recovery.ts";
import { restore } from "./restore/restore.ts";
import { serve, serveDrill } from "./serve.ts";
import { exportRepository, importRepository } from "./store/archive.ts";
import { EncryptedStore } from "./store/store.ts";
import { world } from "./world.ts";

interface Options {
  settings?: string;
  target?: string;
  only?: string;
  database?: string;
  tables?: string;
}

const toStdout: Report = (event) => void process.stdout.write(`${JSON.stringify(event)}\n`);
/** For commands whose standard output is data. */
const toStderr: Report = (event) => void process.stderr.write(`${JSON.stringify(event)}\n`);

/** The wrapper `backup` passes settings that came by standard input in this variable. */
const given = process.env.BACKUP_SETTINGS;
delete process.env.BACKUP_SETTINGS;

const program = new Command("backup").description("The backup agent of a letta stack");
program.option("--settings <file>", "the settings, - for the first line of standard input", paths.settings);

/** Reports a command's last event, which says how it ended. */
function conclude(report: Report, last: BackupEvent): void {
  report(last);
  process.exitCode = last.event === "result" ? 0 : 1;
}

/** Adds a command that the serving process runs. */
function remote(name: string, description: string, flags: string[] = [], parent: Command = program): void {
  const command = parent.command(name).description(description);
  for (const flag of flags) command.option(flag);
  const full = parent === program ? command.name() : `${parent.name()} ${command.name()}`;
  command.action(async () => {
    const [argument] = command.registeredArguments;
    const options = { ...command.opts(), ...(argument === undefined ? {} : { [argument.name()]: command.args[0] }) };
    conclude(toStdout, await sendControl(paths.control, { command: full, options }, toStdout));
  });
}

/** Adds a command that this process runs itself; its result is the last event. */
function local(
  command: Command,
  report: Report,
  work: (settings: Settings, options: Options, argument: string) => Promise<unknown>,
): void {
  command.action(async () => {
    const options = command.optsWithGlobals<Options>();
    const run = async () => work(await readSettings(options), options, command.args[0] ?? "");
    conclude(report, await outcome(run));
  });
}

remote("now", "make a backup", ["--type <type>", "--pace <fast|gentle>"]);
remote("verify", "check the whole repository");
remote("expire", "remove what retention does not keep");
remote("point <name>", "make a named restore point");
remote("status", "print the status of the backups");
remote("health", "is the agent ready");
remote("dump", "dump every database, and archive Letta's files");
remote("drill", "restore a heartbeat and check it", ["--to <point>"]);
const offsite = program.command("offsite").description("the copy on another host");
remote("push", "copy everything now", [], offsite);

program
  .command("list")
  .description("what the repository holds")
  .action(async () => {
    const options = program.opts<Options>();
    const isServed = given === undefined && options.settings === paths.settings;
    const alone = async () => listing(world, new Backups(world, await readSettings(options)));
    const last = isServed ? sendControl(paths.control, { command: "list", options: {} }, toStdout) : outcome(alone);
    conclude(toStdout, await last);
  });
local(offsite.command("pull"), toStdout, async (settings) => {
  if (settings.offsite === undefined)
    throw new BackupError("no other host is configured", "set thoth-letta:backup.offsite");
  return new OffsiteCopy(world, settings.offsite).pull(settings, toStdout);
});
local(
  program.command("restore").requiredOption("--target <target>").option("--only <database>"),
  toStdout,
  async (settings, { target: text = "", only }) => {
    const target = parseTarget(text);
    if (target === undefined)
      throw new BackupError(`"${text}" is not a valid target`, "use latest, time:2026-11-24T10:00:00Z or name:POINT");
    const options = { target: await datedTarget(world, target), cluster: paths.cluster, only };
    return restore(world, new Backups(world, settings), options, toStdout);
  },
);
local(program.command("rejoin"), toStdout, async (settings) => rejoin(world, new Backups(world, settings), toStdout));
local(
  program.command("extract").requiredOption("--database <name>").option("--tables <names>"),
  toStderr,
  async (_, { database = "", tables }) => extract(database, tables?.split(",") ?? []),
);
local(program.command("put").argument("<name>"), toStdout, async (settings, _, name) => ({
  bytes: await store(settings).put(name, process.stdin),
}));
local(program.command("get").argument("<name>"), toStderr, async (settings, _, name) => {
  await world.pipe([await store(settings).get(name)], { sink: process.stdout });
  return {};
});
local(program.command("ls"), toStdout, async (settings) => store(settings).list());
local(program.command("export"), toStderr, async () =>
  whileHeld(paths.control, toStderr, () => exportRepository(world, process.stdout, toStderr)),
);
local(program.command("import"), toStdout, async (settings) => importRepository(world, process.stdin, settings));
program.command("serve").action(async () => serve(world, await readSettings(program.opts<Options>())));
program.command("serve-drill").action(async () => serveDrill(world, await readSettings(program.opts<Options>())));

function store({ recoveryKey }: Settings): EncryptedStore {
  return new EncryptedStore(world, recoveryKey);
}

/** Dumps from a restored cluster, on a server that nobody else reaches. */
async function extract(database: string, tables: readonly string[]): Promise<object> {
  const server = await startPrivately(world, paths.cluster);
  try {
    const wanted = tables.flatMap((table) => ["--table", table]);
    const args = ["--format=custom", "--host", server.socket, "--username=postgres", ...wanted, "--dbname", database];
    await world.pipe([["pg_dump", args]], { sink: process.stdout });
    return { database, tables, rows: await countDatabase(world, database, server.socket) };
  } finally {
    await server.stop();
  }
}

/** @throws BackupError when they are missing or not valid */
async function readSettings({ settings: file = paths.settings }: Options): Promise<Settings> {
  const parsed = settingsSchema.safeParse(JSON.parse(given ?? (await readFile(file, "utf8"))));
  if (parsed.success) return parsed.data;
  throw new BackupError(`the agent's settings are not valid: ${parsed.error.message}`, "make letta-start");
}

try {
  await program.parseAsync();
} catch (error) {
  const failed = async () => {
    throw error;
  };
  conclude(toStdout, await outcome(failed));
}
