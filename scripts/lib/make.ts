import { UserError } from "../../infra/lib/errors.ts";

/** An argument or option of a command, as a variable of make. */
export interface MakeVariable {
  /** E.g. `DRY_RUN`. */
  readonly name: string;
  /** E.g. `--dry-run`; absent for a positional argument. */
  readonly flag?: string;
  /** True for one that takes no value; make writes `=1`. */
  readonly isSwitch: boolean;
  readonly isRequired: boolean;
  /** What stands for its value in help: a word, or the choices. */
  readonly value: string;
  readonly defaultValue?: string;
  readonly description: string;
}

/** A command of the CLI as `make` runs it. */
export interface MakeCommand {
  /** What follows `make`; several commands may share it, and the variables given choose among them. */
  readonly target: string;
  /** The command's words, e.g. `["letta", "start"]`. */
  readonly path: readonly string[];
  /** Heading under which help lists it; empty for a command that only programs call. */
  readonly group: string;
  readonly description: string;
  readonly variables: readonly MakeVariable[];
}

/**
 * The arguments of the CLI for `make TARGET VARIABLE=VALUE …`.
 *
 * Of the commands that share a target, the one whose required variables are all given wins; of several, the one with most.
 *
 * @throws UserError for an unknown target, an unknown variable, a missing one, and a switch with a value
 */
export function makeArguments(all: readonly MakeCommand[], target: string, assignments: readonly string[]): string[] {
  const commands = all.filter((command) => command.target === target && command.group !== "");
  if (commands.length === 0) throw new UserError(`there is no target ${target}${alike(all, target)}`, "make help");
  const given = parse(assignments);
  const known = commands.filter((command) => [...given.keys()].every((name) => has(command, name)));
  const [chosen] = (known.length > 0 ? known : commands)
    .filter((command) => missing(command, given).length === 0)
    .sort((first, second) => requiredOf(second).length - requiredOf(first).length);
  const command = chosen ?? known[0] ?? commands[0];
  const unknown = [...given.keys()].filter((name) => command !== undefined && !has(command, name));
  if (command === undefined || unknown.length > 0) {
    throw new UserError(`make ${target} does not take ${unknown.join(", ")}`, commands.map(usage).join(", or "));
  }
  if (chosen === undefined) {
    throw new UserError(`make ${target} needs ${missing(command, given).join(", ")}`, usage(command));
  }
  return [...command.path, ...argumentsOf(command, given)];
}

/** One line that shows what to type, e.g. `make project-add NAME=name [YES=1]`. */
function usage({ target, variables }: MakeCommand): string {
  const words = variables.map(({ name, value, isRequired }) =>
    isRequired ? `${name}=${value}` : `[${name}=${value}]`,
  );
  return ["make", target, ...words].join(" ");
}

/** A command with the values given to it, as an operator types it. */
export function typedText({ target }: MakeCommand, values: ReadonlyMap<string, string>): string {
  const words = [...values].map(([name, value]) => `${name}=${/^[\w@%+:,./-]*$/.test(value) ? value : `'${value}'`}`);
  return ["make", target, ...words].join(" ");
}

function parse(assignments: readonly string[]): Map<string, string> {
  const pairs = assignments.map((text): [string, string] => {
    const end = text.indexOf("=");
    return end === -1 ? [text, ""] : [text.slice(0, end), text.slice(end + 1)];
  });
  // An empty variable is one that is not given, as everywhere in make.
  return new Map(pairs.filter(([, value]) => value !== ""));
}

const has = ({ variables }: MakeCommand, name: string) => variables.some((variable) => variable.name === name);
const requiredOf = ({ variables }: MakeCommand) => variables.filter(({ isRequired }) => isRequired);

function missing(command: MakeCommand, given: ReadonlyMap<string, string>): string[] {
  return requiredOf(command).flatMap(({ name, value }) => (given.has(name) ? [] : [`${name}=${value}`]));
}

function argumentsOf({ variables }: MakeCommand, given: ReadonlyMap<string, string>): string[] {
  const flags = variables.flatMap(({ name, flag, isSwitch }) => {
    const value = given.get(name);
    if (value === undefined || flag === undefined) return [];
    if (!isSwitch) return [`${flag}=${value}`];
    if (value === "1") return [flag];
    throw new UserError(`${name}=${value} is not a valid switch`, `${name}=1, or leave it out`);
  });
  const positional = variables.flatMap(({ name, flag }) => (flag === undefined ? (given.get(name) ?? []) : []));
  return [...flags, ...(positional.length > 0 ? ["--", ...positional] : [])];
}

/** Names the target that was probably meant. */
function alike(commands: readonly MakeCommand[], target: string): string {
  const sorted = (text: string) => [...text].sort().join("");
  const withGaps = new RegExp(`^${[...target].map((letter) => letter.replace(/\W/, "\\$&")).join(".?")}$`);
  const found = commands.find(
    (command) =>
      sorted(command.target) === sorted(target) ||
      withGaps.test(command.target) ||
      command.target.endsWith(`-${target}`),
  );
  return found === undefined ? "" : `; did you mean ${found.target}?`;
}
