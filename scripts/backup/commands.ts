import { type Command, Option } from "commander";
import type { BackupType } from "../../images/backup/src/contract.ts";
import { type Add, json, keyFile, lettaStack } from "../lib/cli.ts";
import type { Deps } from "../lib/deps.ts";

const common = [lettaStack, json];

/** Adds `letta recover`. */
export function addRecoverCommand(letta: Command, add: Add, deps: Deps): void {
  add<{ keyFile?: string }>(
    letta,
    "recover",
    "bring back a lost state of the stack from its backups",
    [lettaStack, keyFile],
    async ({ lettaStack: stack, ...options }) =>
      (await import("./recover.ts")).recoverLetta({ stack, keyFile: options.keyFile }, deps),
  );
}

/** Adds `backup …`. */
export function addBackupCommands(program: Command, add: Add, deps: Deps): void {
  const backup = program.command("backup").description("backups of the letta stack's data").commandsGroup("Backups");
  add<{ type?: BackupType }>(
    backup,
    "now",
    "make a backup now",
    [...common, new Option("--type <type>", "how much of the data").choices(["full", "differential", "incremental"])],
    async ({ lettaStack: stack, json: isJson, type }) =>
      (await import("./now.ts")).backupNow({ stack, json: isJson, type }, deps),
    "backup",
  );
  add(backup, "list", "the backups and restore points", common, async (options) =>
    (await import("./list.ts")).listBackups({ stack: options.lettaStack, json: options.json }, deps),
  );
  add(backup, "verify", "read the whole repository and check that it is complete", common, async (options) =>
    (await import("./verify.ts")).verifyBackups({ stack: options.lettaStack, json: options.json }, deps),
  );
  add(backup, "expire", "remove the backups that retention does not keep", common, async (options) =>
    (await import("./expire.ts")).expireBackups({ stack: options.lettaStack, json: options.json }, deps),
  );
  add(backup, "point <name>", "name this moment as a restore point", common, async (options, name = "") =>
    (await import("./point.ts")).makePoint({ stack: options.lettaStack, json: options.json, name }, deps),
  );
  add<{ showSecrets: boolean }>(
    backup,
    "key",
    "the key that opens every backup; keep it elsewhere too",
    [lettaStack, new Option("--show-secrets", "print it").default(false)],
    async ({ lettaStack: stack, showSecrets }) => (await import("./key.ts")).recoveryKey({ stack, showSecrets }, deps),
  );
  add(backup, "export <folder>", "write all backups into one encrypted archive", common, async (options, folder = "") =>
    (await import("./export.ts")).exportBackups({ stack: options.lettaStack, json: options.json, folder }, deps),
  );
  add<{ keyFile?: string }>(
    backup,
    "import [folder]",
    "a new letta stack from an exported archive, or without one from the off-site copy",
    [lettaStack, keyFile],
    async ({ lettaStack: stack, ...options }, folder) =>
      (await import("./import.ts")).importBackups({ stack, folder, ...options }, deps),
  );
}
