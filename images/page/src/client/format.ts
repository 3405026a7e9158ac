/** A size in the largest unit of which there is one. */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, Math.abs(value))) / 10));
  return `${(value / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

/** A change of a size, with its sign. */
export const growth = (value: number) =>
  value === 0 ? "unchanged" : `${value > 0 ? "+" : "−"}${bytes(Math.abs(value))}`;

/** A time span in its largest unit. */
export function span(seconds: number): string {
  const units = [
    ["d", 86_400],
    ["h", 3600],
    ["min", 60],
  ] as const;
  const [unit, size] = units.find(([, one]) => seconds >= one) ?? ["s", 1];
  return `${Math.floor(seconds / size)} ${unit}`;
}

export const ago = (at: string, now: number) => `${span(Math.max(0, (now - Date.parse(at)) / 1000))} ago`;

/** A moment in the reader's own time. */
export const moment = (at: string | number) =>
  new Date(at).toLocaleString(undefined, {
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  });

export const count = (value: number | null) => (value === null ? "unknown" : value.toLocaleString());
