import type { Deps } from "../lib/deps.ts";
import type { MakeCommand } from "../lib/make.ts";

/** Prints every target of make, grouped, with the variables it takes. */
export async function showHelp(commands: readonly MakeCommand[], deps: Deps): Promise<number> {
  for (const line of renderHelp(commands)) deps.print(line);
  return 0;
}

/** The help as lines. */
export function renderHelp(commands: readonly MakeCommand[]): string[] {
  const groups = groupsOf(commands).map(([group, members]) => [group, ...members.flatMap(linesOf), ""]);
  return [...groups.flat(), "all variables of each: docs/commands.md"];
}

/** Commands for people, by heading, in the order in which they were added. */
export function groupsOf(commands: readonly MakeCommand[]): [group: string, members: MakeCommand[]][] {
  return [...Map.groupBy(commands, ({ group }) => group)].filter(([group]) => group !== "");
}

/** Variables that every command of a stack takes, or that go without saying. */
const common = ["LETTA_STACK", "THOTH_STACK"];

const width = 27;
const longestLine = 110;

function linesOf({ target, description, variables }: MakeCommand): string[] {
  const required = variables.filter(({ isRequired }) => isRequired).map(({ name, value }) => ` ${name}=${value}`);
  const optional = variables.filter(({ name, isRequired }) => !isRequired && !common.includes(name));
  const names = optional.map(({ name, isSwitch }) => (isSwitch ? `${name}=1` : `${name}=`)).join(" ");
  const choices = names === "" ? [] : [`[${names}]`];
  const isShort = width + description.length + names.length < longestLine;
  const texts = isShort ? [[description, ...choices].join(" ")] : [description, ...choices];
  const head = `  make ${target}${required.join("")}`;
  const [first = "", ...rest] = head.length > width ? ["", ...texts] : texts;
  return [`${head.padEnd(width)} ${first}`.trimEnd(), ...rest.map((text) => `${" ".repeat(width)} ${text}`)];
}
