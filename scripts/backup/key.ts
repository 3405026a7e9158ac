import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { UserError } from "../../infra/lib/errors.ts";
import { readBackupStack } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";

/** Prints the recovery key, or what it is for. */
export async function recoveryKey(
  { stack, showSecrets }: { readonly stack: string; readonly showSecrets: boolean },
  deps: Deps,
): Promise<number> {
  const { letta } = await readBackupStack(deps, stack);
  const explanation = [
    `the recovery key of stack ${stack} opens all of its backups, with every password in them; nothing else does`,
    "keep it where you find it when this machine is gone, such as a password manager or a safe; not next to the backups",
  ];
  // A file gets the key alone, because KEY_FILE reads it so.
  if (!showSecrets || deps.isTerminal) for (const line of explanation) deps.print(line);
  if (!showSecrets) deps.print("print it: make backup-key SHOW=1");
  else deps.print(deps.isTerminal ? `\n    ${letta.recoveryKey}\n` : String(letta.recoveryKey));
  return 0;
}

/** Reads a file that contains only a recovery key. @throws UserError when no file is named, or it is not a key */
export function readRecoveryKey(file: string | undefined): string {
  if (file === undefined) {
    throw new UserError("backups open only with the recovery key", "write the key into a file and add KEY_FILE=FILE");
  }
  if (!existsSync(file))
    throw new UserError(`there is no file ${resolve(file)}`, "KEY_FILE=FILE names the file with the recovery key");
  const text = readFileSync(file, "utf8").trim();
  if (/^[A-Za-z0-9]{20,}$/.test(text)) return text;
  throw new UserError(`${file} is not a recovery key: letters and digits in one line`);
}
