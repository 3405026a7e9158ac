import { existsSync, readFileSync } from "node:fs";

/**
 * True when a process of this number runs, and, where the system tells, runs this program.
 *
 * Numbers are given again, after a reboot even soon: the number alone does not tell that it is the same process. Nor is
 * one alive that has ended and waits for its parent to take notice, which some first processes of containers never do.
 */
export function isAlive(pid: number, program?: string): boolean {
  if (existsSync("/proc/self/stat")) {
    const [, name, state] = /^\d+ \((.*)\) (\S)/s.exec(readStat(pid)) ?? [];
    return name !== undefined && state !== "Z" && (program === undefined || name === program);
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** What {@link isAlive} knows this process by; undefined where the system does not tell. */
export function ownProgram(): string | undefined {
  return /^\d+ \((.*)\) \S/s.exec(readStat(process.pid))?.[1];
}

/** What Linux tells of a process in one line, or nothing when there is none. */
function readStat(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return "";
  }
}
