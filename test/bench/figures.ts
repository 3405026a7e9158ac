import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { removeProjectsOf } from "../support/engine-objects.ts";
import { makeProject, type StackConfig, type TestProject } from "../support/stacks.ts";

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    removeProjectsOf(process.pid);
    process.exit(130);
  });
}

/** Gives `work` a separate pair of stacks, neither of them up, and removes it. */
export async function withProject(letta: StackConfig, work: (project: TestProject) => Promise<void>): Promise<void> {
  try {
    await work(await makeProject({ owner: process.pid, letta }));
  } finally {
    removeProjectsOf(process.pid);
  }
}

/** Prints where and how often was measured, and the head of a Markdown table. */
export function printHead(how: string, ...columns: string[]): void {
  console.log(`\n${cpus().length} cores of ${cpus()[0]?.model ?? "unknown processor"}; ${how} (minimum to maximum)\n`);
  console.log(`| ${columns.join(" | ")} |\n|${"---|".repeat(columns.length)}`);
}

const pairs = 5;
/** How pairs are measured, for {@link printHead}. */
export const alternating = `median of ${pairs} alternating pairs`;

/** How long `work` takes, in seconds. */
export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** What was measured of two, in turns. */
export interface Pairs {
  readonly ours: readonly number[];
  readonly peer: readonly number[];
}

/** Measures two in turns, each of them first in every other pair: other load on the machine slows both. */
export async function inPairs(ours: () => Promise<number>, peer: () => Promise<number>): Promise<Pairs> {
  const seen = { ours: [] as number[], peer: [] as number[] };
  for (let pair = 0; pair < pairs; pair++) {
    if (pair % 2 === 0) seen.peer.push(await peer());
    seen.ours.push(await ours());
    if (pair % 2 === 1) seen.peer.push(await peer());
  }
  return seen;
}

/** Of each pair, the first divided by the second. */
export function ratios(first: readonly number[], second: readonly number[]): number[] {
  return first.map((value, index) => value / (second[index] ?? Number.NaN));
}

/** Of an even number of values, the upper of the two middle ones. */
export function median(values: readonly number[]): number {
  return values.toSorted((first, second) => first - second)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Median, minimum and maximum in the format of docs/figures.md. */
export function show(values: readonly number[], digits = 1): string {
  const [middle, least, most] = [median(values), Math.min(...values), Math.max(...values)];
  return `${middle.toFixed(digits)} (${least.toFixed(digits)} to ${most.toFixed(digits)})`;
}

/** Waits for a successful response; throws after five minutes. */
export async function untilHealthy(url: string): Promise<void> {
  for (let tries = 0; tries < 3000; tries++) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return;
    await sleep(100);
  }
  throw new Error(`${url} does not answer`);
}
