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
    "keep it where it is found when this machine is gone: a password manager, or paper in a safe; not beside the backups",
  ];
  // Into a file it goes alone, as `backup import --key-file` reads it.
  if (!showSecrets || deps.isTerminal) for (const line of explanation) deps.print(line);
  if (!showSecrets) deps.print("print it: make backup-key SHOW=1");
  else deps.print(deps.isTerminal ? `\n    ${letta.recoveryKey}\n` : String(letta.recoveryKey));
  return 0;
}

/** Reads a recovery key from a file that has nothing else in it. @throws UserError when no file is named, or it has no key */
export function readRecoveryKey(file: string | undefined): string {
  if (file === undefined) {
    throw new UserError(
      "backups open with the recovery key alone",
      "write it into a file, and --key-file FILE (make: KEY_FILE=FILE)",
    );
  }
  if (!existsSync(file))
    throw new UserError(`there is no file ${resolve(file)}`, "--key-file FILE (make: KEY_FILE=FILE)");
  const text = readFileSync(file, "utf8").trim();
  if (/^[A-Za-z0-9]{20,}$/.test(text)) return text;
  throw new UserError(`${file} is not a recovery key: letters and digits in one line`);
}
