import { join } from "node:path";
import { knownCauses } from "../../infra/lib/docker/likely-cause.ts";
import { root } from "../lib/checkout.ts";
import { checksByArea } from "./checks.ts";

/** The page with the list of checks in it. */
export const troubleshootingFile = join(root, "docs/troubleshooting.md");

const [begin, end] = ["<!-- checks: written by `make docs` -->", "<!-- end of checks -->"] as const;

/** The page with the checks and causes as they are in the code; the rest of it stays. */
export function withChecks(page: string): string {
  const [before = "", rest = ""] = page.split(begin);
  const [, after = ""] = rest.split(end);
  return `${before}${begin}\n\n${[...areas(), causes()].join("\n\n")}\n\n${end}${after}`;
}

function areas(): string[] {
  return Object.entries(checksByArea).map(([area, checks]) => {
    const rows = checks.map(({ id, title, why, fix }) => `| \`${id}\` | ${title} | ${why} | ${fix} |`);
    return [`### ${area}`, "", "| check | what holds | why it matters | fix |", "|---|---|---|---|", ...rows].join(
      "\n",
    );
  });
}

function causes(): string {
  const rows = knownCauses.map(
    ([pattern, cause]) => `| \`${pattern.source.replaceAll("|", "\\|")}\` | ${cause.replace(/\$\d/g, "…")} |`,
  );
  return ["### Causes drawn from logs", "", "| a service's log says | likely cause |", "|---|---|", ...rows].join("\n");
}
