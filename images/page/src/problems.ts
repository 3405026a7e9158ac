import type { BackupNote } from "../../backup/src/contract.ts";
import type { OperationNote, Problem, Report } from "./contract.ts";

/** Below this share of the disk, or this much, Postgres may soon not be able to write. */
const leastFree = { share: 0.05, bytes: 2 ** 30 };

interface Seen extends Pick<Report, "services" | "disk"> {
  readonly backup: BackupNote | null;
  readonly operation: OperationNote | null;
}

/** What is wrong, with the command that fixes it. */
export function problemsOf({ services, disk, backup, operation }: Seen): Problem[] {
  const silent = services.filter(({ isHealthy }) => !isHealthy);
  return [
    ...(operation === null ? [] : [runs(operation)]),
    ...silent.map(({ name, problem }) => error(`${name} does not work: ${problem ?? "unknown"}`, "make letta-start")),
    ...(disk.freeBytes < Math.max(leastFree.bytes, disk.totalBytes * leastFree.share)
      ? [error("the disk of the volumes is almost full", "make doctor")]
      : []),
    ...(backup?.status.problems ?? []).map((problem) => error(`backup: ${problem}`, "make doctor")),
  ];
}

const error = (problem: string, fix: string): Problem => ({ severity: "error", problem, fix });

function runs({ kind, phase, resume }: OperationNote): Problem {
  const problem = `a ${kind.replaceAll("-", " ")} has not ended (${phase}); if nobody runs it, it was interrupted`;
  return { severity: "warning", problem, fix: resume };
}
