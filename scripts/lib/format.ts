import Table from "cli-table3";

/** A time span in its two largest units, e.g. `3 d 4 h`. */
export function formatDuration(seconds: number): string {
  const units = [
    ["d", 86_400],
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ] as const;
  const first = Math.max(
    0,
    units.findIndex(([, size]) => seconds >= size),
  );
  if (seconds < 1) return "0 s";
  const [[unit, size], next] = [units[first] ?? units[3], units[first + 1]];
  const rest = next === undefined ? 0 : Math.floor((seconds % size) / next[1]);
  const head = `${Math.floor(seconds / size)} ${unit}`;
  return rest === 0 || next === undefined ? head : `${head} ${rest} ${next[0]}`;
}

/** A size in the largest unit of which there is one, e.g. `1.2 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${units[power]}`;
}

/** A moment to the second, in UTC, e.g. `2026-11-22 22:35:03 UTC`. */
export function formatTime(time: Date | string | number): string {
  return `${new Date(time).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Draws a table; one line of text each. */
export function drawTable(head: string[], rows: readonly string[][]): string[] {
  const table = new Table({
    head,
    style: { head: [], border: [], compact: true },
    chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
  });
  table.push(...rows);
  return table.toString().split("\n");
}

/** Hides passwords in URLs and bearer tokens, whatever a tool printed. */
export function redact(text: string): string {
  return text
    .replace(/(:\/\/[^\s:/@]*:)[^\s/@]+@/g, "$1[redacted]@")
    .replace(/\b(Bearer|password:)\s+[A-Za-z0-9._~+/=-]{8,}/gi, "$1 [redacted]");
}
