import { type Command, Option } from "commander";
import { type MakeCommand, type MakeVariable, typedText } from "./make.ts";

export const lettaStack = new Option("--letta-stack <name>", "the letta stack").env("LETTA_STACK").default("letta");
export const thothStack = new Option("--thoth-stack <name>", "the thoth stack").env("THOTH_STACK").default("thoth");
export const yes = new Option("-y, --yes", "do not ask").default(process.env.YES === "1");
export const json = new Option("--json", "print one JSON object").default(false);
export const force = new Option("--force", "run an update although nothing has changed").default(false);
export const keyFile = new Option("--key-file <file>", "file with the recovery key").env("RECOVERY_KEY_FILE");

/** Options as commander returns them, with the defaults filled in. */
export interface Options {
  lettaStack: string;
  thothStack: string;
  yes: boolean;
  json: boolean;
  force: boolean;
  follow: boolean;
  tail?: string;
  since?: string;
  mirror?: string;
}

/** What a command does; `argument` is its first positional argument. Returns the exit code. */
type Run<Own extends object = object> = (options: Options & Own, argument?: string) => Promise<number>;

/** Adds a command to a parent; `target` is its target of make, by default the command's words joined by hyphens. */
export type Add = <Own extends object = object>(
  parent: Command,
  name: string,
  description: string,
  options: Option[],
  run: Run<Own>,
  target?: string,
) => void;

/** The stacks that a command works on, as far as it takes their names. */
export type StackNames = Partial<Pick<Options, "lettaStack" | "thothStack">>;

/** What happens around each command: `typed` is the command as the operator types it. */
export interface Hooks {
  readonly begin: (typed: string, stacks: StackNames) => void | Promise<void>;
  readonly end: (exitCode: number) => void;
}

/** Adds commands, and collects them into `commands` as make sees them. */
export function adder(commands: MakeCommand[], hooks: Hooks): Add {
  return (parent, name, description, options, run, target) => {
    const command = parent.command(name).description(description);
    for (const option of options) command.addOption(option);
    const path = pathOf(command);
    const entry: MakeCommand = {
      target: target ?? path.join("-"),
      path,
      group: command.helpGroup(),
      description,
      variables: variablesOf(command),
    };
    commands.push(entry);
    command.action(async (...args: unknown[]) => {
      await hooks.begin(typedText(entry, givenValues(command, entry)), command.optsWithGlobals());
      hooks.end(await run(command.optsWithGlobals(), typeof args[0] === "string" ? args[0] : undefined));
    });
  };
}

function pathOf(command: Command): string[] {
  return command.parent === null ? [] : [...pathOf(command.parent), command.name()];
}

/** Names that say less on the command line of make than the flag does. */
const shortNames: Readonly<Record<string, string>> = { SHOW_SECRETS: "SHOW", FROM_VOLUME: "VOLUME" };

const variableName = (name: string) => {
  const upper = name.replaceAll("-", "_").toUpperCase();
  return shortNames[upper] ?? upper;
};

function variablesOf(command: Command): MakeVariable[] {
  const positional = command.registeredArguments.map((argument): MakeVariable => {
    const name = argument.name();
    return {
      name: variableName(name),
      isSwitch: false,
      isRequired: argument.required,
      value: name,
      description: argument.description,
    };
  });
  const flags = command.options.map((option): MakeVariable => {
    const { long = "", mandatory, flags: text, defaultValue, argChoices, description } = option;
    return {
      name: variableName(option.name()),
      flag: long,
      isSwitch: option.isBoolean(),
      isRequired: mandatory,
      value: argChoices?.join("|") ?? /<(.*)>/.exec(text)?.[1] ?? "1",
      ...(typeof defaultValue === "string" && { defaultValue }),
      description,
    };
  });
  return [...positional, ...flags];
}

/** What was given on the command line or in the environment: variable -> value. */
function givenValues(command: Command, { variables }: MakeCommand): Map<string, string> {
  const values = new Map<string, string>();
  for (const [index, { name, flag }] of variables.entries()) {
    const key = command.options.find(({ long }) => long === flag)?.attributeName() ?? "";
    const value: unknown = flag === undefined ? command.processedArgs[index] : command.getOptionValue(key);
    if (value === undefined || (flag !== undefined && command.getOptionValueSource(key) === "default")) continue;
    values.set(name, value === true ? "1" : String(value));
  }
  return values;
}
