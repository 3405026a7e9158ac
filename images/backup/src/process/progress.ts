import type { Report } from "../contract.ts";

/** Reports progress at most twice a second, with the time left at the speed so far. */
export function progressOf(report: Report, step: string, totalBytes: number | null, now = Date.now) {
  const started = now();
  let last = 0;
  return (bytes: number) => {
    const time = now();
    if (time - last < 500) return;
    last = time;
    const isKnown = totalBytes !== null && bytes > 0;
    const left = isKnown ? Math.max(0, ((time - started) / 1000) * (totalBytes / bytes - 1)) : null;
    const secondsLeft = left === null ? null : Math.round(left);
    report({ event: "progress", step, bytes: Math.round(bytes), totalBytes, secondsLeft });
  };
}
