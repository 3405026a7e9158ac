import { cpus } from "node:os";

/** How long `work` takes, in seconds. */
export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** The middle one; of an even number the upper one. */
export function median(values: readonly number[]): number {
  return values.toSorted((first, second) => first - second)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Median, least and most, as docs/figures.md has them. */
export function show(values: readonly number[], digits = 1): string {
  const [middle, least, most] = [median(values), Math.min(...values), Math.max(...values)];
  return `${middle.toFixed(digits)} (${least.toFixed(digits)} to ${most.toFixed(digits)})`;
}

/** What it was measured on. */
export function machine(): string {
  return `${cpus().length} cores of ${cpus()[0]?.model ?? "unknown processor"}`;
}
