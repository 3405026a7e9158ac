import { readBackupStack } from "../../lib/agent-stack.ts";
import type { Deps } from "../../lib/deps.ts";

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
