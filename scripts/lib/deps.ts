import { question, type Shell } from "zx";
import * as engine from "../../infra/lib/docker.ts";
import { projectEnvironment, root } from "./project.ts";
import { redact } from "./redact.ts";
import { zxShell } from "./zx-shell.ts";

/** All that a command does to the world outside; tests give it another. */
export interface Deps {
  /** zx's shell, quiet, in the project's environment. */
  readonly $: Shell;
  /** The Docker engine. */
  readonly engine: typeof engine;
  /** Folder of Pulumi.yaml. */
  readonly projectDirectory: string;
  readonly print: (line: string) => void;
  /** Asks yes or no; no, where nobody can answer. */
  readonly confirm: (question: string) => Promise<boolean>;
  readonly isTerminal: boolean;
}

/** The real world. */
export function realDeps(): Deps {
  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  const projectDirectory = process.env.THOTH_LETTA_PROJECT ?? root;
  return {
    $: zxShell({ env: projectEnvironment(), cwd: projectDirectory }),
    engine,
    projectDirectory,
    print: (line) => console.log(redact(line)),
    confirm: async (text) => isTerminal && /^y(es)?$/i.test(await question(`${text} [y/N] `)),
    isTerminal,
  };
}
