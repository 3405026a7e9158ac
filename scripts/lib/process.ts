import { existsSync, readFileSync } from "node:fs";

/**
 * True when a process with this id runs, and runs this program where the system says which one it is.
 *
 * Process ids are reused, soon after a reboot in particular, so the id alone does not identify a process. A zombie does
 * not count: the first process of some containers never reaps its children.
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

/** This process' program, for {@link isAlive}; undefined where the system does not say. */
export function ownProgram(): string | undefined {
  return /^\d+ \((.*)\) \S/s.exec(readStat(process.pid))?.[1];
}

/** Linux' status line of a process; empty when there is no such process. */
function readStat(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return "";
  }
}
