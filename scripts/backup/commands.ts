import { type Command, Option } from "commander";
import { type Add, json, keyFile, lettaStack } from "../lib/cli.ts";
import type { Deps } from "../lib/deps.ts";
import type { BackupType } from "./now.ts";

const common = [lettaStack, json];

/** Adds `backup …`. */
export function addBackupCommands(program: Command, add: Add, deps: Deps): void {
  const backup = program.command("backup").description("backups of the letta stack's data");
  add<{ type?: BackupType }>(
    backup,
    "now",
    "make a backup beside those that are made by the schedule",
    [...common, new Option("--type <type>", "how much of it").choices(["full", "differential", "incremental"])],
    async ({ lettaStack: stack, json: isJson, type }) =>
      (await import("./now.ts")).backupNow({ stack, json: isJson, type }, deps),
  );
  add(backup, "list", "the backups, and the moments that can be restored", common, async (options) =>
    (await import("./list.ts")).listBackups({ stack: options.lettaStack, json: options.json }, deps),
  );
  add(backup, "verify", "read the whole repository: is all of it there and whole", common, async (options) =>
    (await import("./verify.ts")).verifyBackups({ stack: options.lettaStack, json: options.json }, deps),
  );
  add(backup, "expire", "remove the backups that the retention does not keep", common, async (options) =>
    (await import("./expire.ts")).expireBackups({ stack: options.lettaStack, json: options.json }, deps),
  );
  add(backup, "point <name>", "give this moment a name, to restore to", common, async (options, name = "") =>
    (await import("./point.ts")).makePoint({ stack: options.lettaStack, json: options.json, name }, deps),
  );
  add<{ showSecrets: boolean }>(
    backup,
    "key",
    "the recovery key: without it no backup can be read",
    [lettaStack, new Option("--show-secrets", "print it").default(false)],
    async ({ lettaStack: stack, showSecrets }) => (await import("./key.ts")).recoveryKey({ stack, showSecrets }, deps),
  );
  add(
    backup,
    "export <folder>",
    "all backups as one encrypted archive, for another place",
    common,
    async (options, folder = "") =>
      (await import("./export.ts")).exportBackups({ stack: options.lettaStack, json: options.json, folder }, deps),
  );
  add<{ keyFile?: string }>(
    backup,
    "import [folder]",
    "bring a letta stack back from such an archive, or without a folder from the copy on another host",
    [lettaStack, keyFile],
    async ({ lettaStack: stack, ...options }, folder) =>
      (await import("./import.ts")).importBackups({ stack, folder, ...options }, deps),
  );
}
