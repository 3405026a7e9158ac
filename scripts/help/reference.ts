import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { troubleshootingFile, withChecks } from "../doctor/troubleshooting.ts";
import { root } from "../lib/checkout.ts";
import type { Deps } from "../lib/deps.ts";
import type { MakeCommand, MakeVariable } from "../lib/make.ts";
import { writeWhole } from "../lib/whole-file.ts";
import { groupsOf } from "./help.ts";

/** The generated page. */
export const referenceFile = join(root, "docs/commands.md");

/** Writes docs/commands.md, and the list of checks into docs/troubleshooting.md. */
export async function writeReference(commands: readonly MakeCommand[], deps: Deps): Promise<number> {
  await writeWhole(referenceFile, renderReference(commands));
  await writeWhole(troubleshootingFile, withChecks(await readFile(troubleshootingFile, "utf8")));
  deps.print(`written: ${referenceFile}, ${troubleshootingFile}`);
  return 0;
}

/** The text of docs/commands.md. */
export function renderReference(commands: readonly MakeCommand[]): string {
  const groups = groupsOf(commands).map(([group, members]) => [`## ${group}`, ...members.map(section)].join("\n\n"));
  return `${[intro, ...groups].join("\n\n")}\n`;
}

const intro = `# Commands

<!-- Written by \`make docs\` from the CLI's definitions; do not edit. -->

\`make COMMAND VARIABLE=value …\`. A variable that the command does not take is an error. Switches are set by \`=1\`. \`LETTA_STACK\`,
\`THOTH_STACK\` and \`YES\` may also come from the environment.

\`source scripts/shell.sh\` gives a shell (bash or zsh) an alias of the same name for each \`letta-…\` and \`thoth-…\` command, which takes
flags (\`letta-stop --yes\`), completion of these and of \`make\`, and an environment in which plain \`pulumi\` works.`;

function section({ target, description, variables }: MakeCommand): string {
  const required = variables.filter(({ isRequired }) => isRequired).map(({ name, value }) => ` ${name}=${value}`);
  const lines = variables.map(line);
  return [
    `### \`make ${target}${required.join("")}\``,
    `${capital(description)}.`,
    ...(lines.length > 0 ? [lines.join("\n")] : []),
  ].join("\n\n");
}

function line({ name, value, description, defaultValue }: MakeVariable): string {
  const text = [description, defaultValue === undefined ? "" : `default: ${defaultValue}`].filter(
    (part) => part !== "",
  );
  return `- \`${name}=${value}\`${text.length === 0 ? "" : `: ${text.join("; ")}`}`;
}

const capital = (text: string) => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
