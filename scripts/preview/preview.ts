import { requireSetup } from "../lib/bring-up.ts";
import type { Deps } from "../lib/deps.ts";
import { drawTable } from "../lib/format.ts";
import { changeLine, headline, type PreviewReport, previewReport } from "../lib/preview/report.ts";

export interface PreviewOptions {
  readonly lettaStack: string;
  readonly thothStack: string;
  /** Default: both. */
  readonly stack?: string;
  /** An array of reports. */
  readonly json: boolean;
  /** For a comment on a pull request. */
  readonly markdown: boolean;
}

/** Shows what the next update would change, what that costs, and who is connected; changes nothing. */
export async function preview(options: PreviewOptions, deps: Deps): Promise<number> {
  const stacks = options.stack === undefined ? [options.lettaStack, options.thothStack] : [options.stack];
  for (const stack of stacks) await requireSetup(deps, stack);
  const reports = await Promise.all(stacks.map((stack) => previewReport(deps, stack)));
  if (options.json) deps.print(JSON.stringify(reports, undefined, 2));
  else for (const report of reports) for (const line of (options.markdown ? markdown : text)(report)) deps.print(line);
  return 0;
}

function text(report: PreviewReport): string[] {
  const rows = report.changes.map((change) => [change.risk, changeLine(change), away(change.awaySeconds)]);
  return [
    headline(report),
    ...(rows.length === 0 ? [] : drawTable(["risk", "change", "away"], rows)),
    ...clientLines(report, "  "),
    "",
  ];
}

/** A table of GitHub's Markdown. */
export function markdown(report: PreviewReport): string[] {
  const cell = (text: string) => text.replaceAll("|", "\\|");
  const rows = report.changes.map(
    (change) => `| ${change.risk} | ${cell(changeLine(change))} | ${away(change.awaySeconds)} |`,
  );
  return [
    `### ${headline(report)}`,
    "",
    ...(rows.length === 0 ? [] : ["| risk | change | away |", "|---|---|---|", ...rows, ""]),
    ...clientLines(report, "- "),
  ];
}

const away = (seconds?: number) => (seconds === undefined ? "-" : `about ${seconds} s`);

function clientLines({ clients, risk }: PreviewReport, bullet: string): string[] {
  if (clients.length > 0) return ["connected now:", ...clients.map((client) => `${bullet}${client}`)];
  return risk === "none" ? [] : ["nobody else is connected now"];
}
