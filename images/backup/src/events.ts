/** What a command tells while it runs, one JSON object a line; the last is its result or its error. */
export type BackupEvent =
  | { readonly event: "step"; readonly title: string }
  | {
      readonly event: "progress";
      readonly step: string;
      readonly bytes: number;
      /** Null while nobody knows how much it is going to be. */
      readonly totalBytes: number | null;
      readonly secondsLeft: number | null;
    }
  | { readonly event: "log"; readonly line: string }
  | { readonly event: "result"; readonly value: unknown }
  | { readonly event: "error"; readonly problem: string; readonly fix?: string | undefined };

/** Where a command's events go. */
export type Report = (event: BackupEvent) => void;

/** Tells of progress at most twice a second, with the time left at the speed so far. */
export function progressOf(report: Report, step: string, totalBytes: number | null, now = Date.now) {
  const started = now();
  let last = 0;
  return (bytes: number) => {
    const time = now();
    if (time - last < 500) return;
    last = time;
    const left =
      totalBytes === null || bytes === 0 ? null : Math.max(0, ((time - started) / 1000) * (totalBytes / bytes - 1));
    report({
      event: "progress",
      step,
      bytes: Math.round(bytes),
      totalBytes,
      secondsLeft: left === null ? null : Math.round(left),
    });
  };
}
