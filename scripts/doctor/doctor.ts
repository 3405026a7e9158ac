import type { Deps } from "../lib/deps.ts";
import { readOperation, tellOperation } from "../lib/operation.ts";
import { namesOf } from "../lib/stack-file.ts";
import { type Examined, examineAll, type Finding } from "./check.ts";
import { checks } from "./checks.ts";
import { lookAt } from "./patient.ts";

export interface DoctorOptions {
  readonly lettaStack: string;
  readonly thothStack: string;
  readonly json: boolean;
  /** Repairs what has no risk. */
  readonly fix: boolean;
}

/** Asks every check. @returns the exit code: 0 nothing is wrong, 1 warnings, 2 errors */
export async function doctor({ lettaStack, thothStack, json, fix }: DoctorOptions, deps: Deps): Promise<number> {
  const ask = async () => examineAll(checks, await lookAt(deps, lettaStack, thothStack));
  let examined = await ask();
  const repairs = examined.flatMap(({ findings }) => findings).filter(({ repair }) => repair !== undefined);
  if (fix && repairs.length > 0) {
    for (const { problem, repair } of repairs) {
      if (!json) deps.print(`fixing: ${problem}`);
      // What this could not do, the second look finds again.
      await repair?.().catch((error: Error) => json || deps.print(`not fixed: ${error.message}`));
    }
    examined = await ask();
  }
  await tellFindings(deps, lettaStack, examined);
  if (json) deps.print(JSON.stringify(asJson(examined), undefined, 2));
  else for (const line of render(examined)) deps.print(line);
  return worst(examined);
}

/** Also of an operation: a page that was away may have missed its end. */
async function tellFindings(deps: Deps, stack: string, examined: readonly Examined[]): Promise<void> {
  const findings = examined.flatMap((one) => one.findings.map(withoutRepair));
  await deps.tellPage(namesOf(deps, stack).page, "doctor", { at: new Date().toISOString(), findings });
  await tellOperation(deps, stack, await readOperation(deps, stack));
}

function worst(examined: readonly Examined[]): number {
  const severities = examined.flatMap(({ findings }) => findings.map(({ severity }) => severity));
  if (severities.includes("error")) return 2;
  return severities.includes("warning") ? 1 : 0;
}

const withoutRepair = ({ severity, problem, fix }: Finding) => ({ severity, problem, fix });

function asJson(examined: readonly Examined[]) {
  return {
    worst: ["ok", "warning", "error"][worst(examined)],
    checks: examined.map(({ check, findings, skipped }) => ({
      ...{ id: check.id, title: check.title, why: check.why },
      result: skipped === undefined ? (findings.length === 0 ? "ok" : "found") : "skipped",
      ...(skipped === undefined ? {} : { skipped }),
      findings: findings.map(withoutRepair),
    })),
  };
}

/** Findings first, errors before warnings; then what could not be asked, and how much is well. */
export function render(examined: readonly Examined[]): string[] {
  const found = examined.flatMap(({ check, findings }) => findings.map((finding) => ({ check, finding })));
  const sorted = found.toSorted((one, other) => rank(one.finding) - rank(other.finding));
  const skipped = examined.filter((one) => one.skipped !== undefined);
  const well = examined.length - skipped.length - examined.filter(({ findings }) => findings.length > 0).length;
  return [
    ...sorted.flatMap(({ check, finding: { severity, problem, fix } }) => [
      `${severity === "error" ? "✖" : "⚠"} ${check.id}: ${problem.replaceAll("\n", "\n  ")}`,
      `  why: ${check.why}`,
      `  fix: ${fix}`,
      "",
    ]),
    ...(skipped.length === 0
      ? []
      : [`not asked: ${skipped.map(({ check, skipped: why }) => `${check.id} (${why})`).join(", ")}`]),
    `${count(found, "error")}, ${count(found, "warning")}; ${well} of ${examined.length} checks found nothing`,
  ];
}

const rank = ({ severity }: Finding) => (severity === "error" ? 0 : 1);

function count(found: readonly { readonly finding: Finding }[], severity: Finding["severity"]): string {
  const number = found.filter(({ finding }) => finding.severity === severity).length;
  return `${number} ${severity}${number === 1 ? "" : "s"}`;
}
