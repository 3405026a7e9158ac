import { findClients, type OwnClients } from "../clients.ts";
import { confirm } from "../confirm.ts";
import type { Deps } from "../deps.ts";
import { namesOf } from "../stack-file.ts";
import { type LettaStack, readLetta } from "../stacks.ts";
import { changeLine, headline, previewReport } from "./report.ts";

export interface InterruptionOptions {
  /** A letta stack. */
  readonly stack: string;
  /** Agreed already. */
  readonly yes: boolean;
  /** Clients of those who asked for the update; default: none. */
  readonly own?: OwnClients | undefined;
}

/** Asks before an update takes a running Letta away from others. @returns false when the operator does not agree */
export async function agreeToInterrupt(deps: Deps, options: InterruptionOptions): Promise<boolean> {
  const { stack, yes, own } = options;
  if (yes) return true;
  // Outputs of another version do not say who uses it.
  const letta = await readLetta(deps, stack).catch(() => undefined);
  if (letta === undefined || !(await hasClients(deps, stack, letta, own))) return true;
  const report = await previewReport(deps, stack, own);
  if (report.risk === "none") return true;
  const changes = report.changes.filter(({ risk }) => risk !== "none").map(changeLine);
  const lines = [...changes, ...report.clients.map((client) => `connected: ${client}`)];
  return confirm(deps, { yes, affects: { heading: headline(report), lines }, question: "update it now?" });
}

async function hasClients(deps: Deps, stack: string, letta: LettaStack, own?: OwnClients): Promise<boolean> {
  const server = await deps.engine.inspectContainer(namesOf(deps, stack).server);
  return server?.State.Running === true && (await findClients(deps, stack, letta, own)).length > 0;
}
