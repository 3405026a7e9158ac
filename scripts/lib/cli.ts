import { type Command, Option } from "commander";

export const lettaStack = new Option("--letta-stack <name>", "the letta stack").env("LETTA_STACK").default("letta");
export const thothStack = new Option("--thoth-stack <name>", "the thoth stack").env("THOTH_STACK").default("thoth");
export const yes = new Option("-y, --yes", "do not ask").env("YES").default(false);
export const json = new Option("--json", "one JSON object for machines").default(false);
export const keyFile = new Option("--key-file <file>", "file with the recovery key").env("RECOVERY_KEY_FILE");

/** Options as commander hands them over, with the defaults filled in. */
export interface Options {
  lettaStack: string;
  thothStack: string;
  yes: boolean;
  json: boolean;
  follow: boolean;
  tail: string;
  since?: string;
  mirror?: string;
}

/** What a command does; `argument` is the first word after its options. Returns the exit code. */
export type Run<Own extends object = object> = (options: Options & Own, argument?: string) => Promise<number>;

/** Adds a command to a parent. */
export type Add = <Own extends object = object>(
  parent: Command,
  name: string,
  description: string,
  options: Option[],
  run: Run<Own>,
) => void;

/** Adds commands whose exit codes go to `exit`. */
export function adder(exit: (code: number) => void): Add {
  return (parent, name, description, options, run) => {
    const command = parent.command(name).description(description);
    for (const option of options) command.addOption(option);
    command.action(async (...args: unknown[]) => {
      exit(await run(command.optsWithGlobals(), typeof args[0] === "string" ? args[0] : undefined));
    });
  };
}
