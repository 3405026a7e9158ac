import { findClients, type OwnClients } from "../clients.ts";
import type { Deps } from "../deps.ts";
import { readConfigFile } from "../stack-file.ts";
import { readLetta } from "../stacks.ts";
import { type Change, changesOf, type Risk, riskOf } from "./changes.ts";
import { previewStack } from "./steps.ts";

/** What an update of a stack would do, and whom it would disturb. */
export interface PreviewReport {
  readonly stack: string;
  readonly risk: Risk;
  /** Riskiest first. */
  readonly changes: readonly Change[];
  /** How long the slowest of the replaced containers took to start last time; null where nothing is replaced or it is not known. */
  readonly awaySeconds: number | null;
  /** Who uses the letta stack now, a line each; looked up only where something would be away. */
  readonly clients: readonly string[];
}

/**
 * Asks Pulumi what an update would change.
 *
 * @param own clients that need not be told; default: none
 * @throws UserError when the preview fails
 */
export async function previewReport(deps: Deps, stack: string, own?: OwnClients): Promise<PreviewReport> {
  const changes = changesOf(await previewStack(deps, stack));
  const risk = riskOf(changes);
  const seconds = changes.flatMap(({ awaySeconds = [] }) => awaySeconds);
  const { kind = stack } = readConfigFile(deps, stack);
  const letta = risk === "none" || kind === "thoth" ? undefined : await readLetta(deps, stack);
  return {
    ...{ stack, risk, changes },
    awaySeconds: seconds.length === 0 ? null : Math.max(...seconds),
    clients: letta === undefined ? [] : await findClients(deps, stack, letta, own),
  };
}

/** A report in one line. */
export function headline({ stack, risk, changes, awaySeconds }: PreviewReport): string {
  if (changes.length === 0) return `stack ${stack}: nothing to change`;
  const count = `${changes.length} ${changes.length === 1 ? "change" : "changes"}`;
  const away = awaySeconds === null ? "" : `, away for about ${awaySeconds} s`;
  return `stack ${stack}: ${count}, risk ${risk}${away}`;
}

/** A change in one line. */
export function changeLine({ effect, because, volumes }: Change): string {
  const reason = because.length === 0 ? "" : ` (${because.join(", ")})`;
  return `${effect}${reason}${volumes.length === 0 ? "" : `; ${volumes.join(", ")} stay`}`;
}
