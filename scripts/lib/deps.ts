import type { Shell } from "zx";
import type { Notes } from "../../images/page/src/contract.ts";
import * as engine from "../../infra/lib/docker/engine.ts";
import { projectEnvironment, root } from "./checkout.ts";
import { redact } from "./format.ts";
import { zxShell } from "./zx-shell.ts";

/** Everything a command does to the outside world; tests pass their own. */
export interface Deps {
  /** zx's shell, quiet, in the project's environment. */
  readonly $: Shell;
  /** The Docker engine. */
  readonly engine: typeof engine;
  /** Folder of Pulumi.yaml. */
  readonly projectDirectory: string;
  readonly print: (line: string) => void;
  /** Prints what {@link print} would hide, because the operator asked to see it. */
  readonly printSecret: (line: string) => void;
  /** The command as the operator types it, e.g. `make letta-stop`. */
  readonly typed: string;
  /** Asks yes or no; no where nobody can answer. */
  readonly confirm: (question: string) => Promise<boolean>;
  /** Asks for a word; empty where nobody can answer. */
  readonly ask: (question: string) => Promise<string>;
  readonly isTerminal: boolean;
  /** Leaves a note for the status page in this container; never throws. */
  readonly tellPage: <Name extends keyof Notes>(container: string, name: Name, note: Notes[Name]) => Promise<void>;
}

/** The real world; `typed` returns the command as the operator types it. */
export function realDeps(typed = () => ""): Deps {
  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  const projectDirectory = process.env.THOTH_LETTA_PROJECT ?? root;
  let shell: Shell | undefined;
  const question = async (text: string) => (await import("zx")).question(text);
  return {
    get $() {
      shell ??= zxShell({ env: projectEnvironment(), cwd: projectDirectory });
      return shell;
    },
    engine,
    projectDirectory,
    get typed() {
      return typed();
    },
    print: (line) => console.log(redact(line)),
    printSecret: (line) => console.log(line),
    confirm: async (text) => isTerminal && /^y(es)?$/i.test(await question(`${text} [y/N] `)),
    ask: async (text) => (isTerminal ? (await question(`${text} `)).trim() : ""),
    isTerminal,
    tellPage: async (...note) => (await import("./page-notes.ts")).tellPage(...note),
  };
}
