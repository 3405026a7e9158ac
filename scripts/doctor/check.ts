import type { Need, Patient } from "./patient.ts";

type Severity = "error" | "warning";

/** Something that is wrong. */
export interface Finding {
  readonly severity: Severity;
  /** With the names and values found. */
  readonly problem: string;
  /** The command that fixes it. */
  readonly fix: string;
  /** Fixes it without a risk to data or clients; absent where a person has to decide. */
  readonly repair?: () => Promise<unknown>;
}

/** A question with a stable name; docs/troubleshooting.md lists all of them. */
export interface Check {
  readonly id: string;
  /** What holds when nothing is found. */
  readonly title: string;
  /** What goes wrong when it does not hold. */
  readonly why: string;
  /** The usual fix, in Markdown: for the docs. */
  readonly fix: string;
  readonly needs: readonly Need[];
  readonly find: (patient: Patient) => Promise<readonly Finding[]>;
}

/** How a check went. */
export interface Examined {
  readonly check: Check;
  readonly findings: readonly Finding[];
  /** Why it was not asked; its answer is unknown. */
  readonly skipped?: string;
}

/** Asks all checks at once. One that fails to ask is a warning, and never hides what others find. */
export function examineAll(checks: readonly Check[], patient: Patient): Promise<Examined[]> {
  return Promise.all(checks.map((check) => examine(check, patient)));
}

async function examine(check: Check, patient: Patient): Promise<Examined> {
  const missing = check.needs.find((need) => !patient.available.has(need));
  if (missing !== undefined) return { check, findings: [], skipped: `needs ${missing}` };
  try {
    return { check, findings: await check.find(patient) };
  } catch (error) {
    const problem = `this check could not ask: ${error instanceof Error ? error.message : String(error)}`;
    return { check, findings: [{ severity: "warning", problem, fix: "make status" }] };
  }
}
