import Table from "cli-table3";

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
