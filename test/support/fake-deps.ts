import * as engine from "../../infra/lib/docker/engine.ts";
import type { Deps } from "../../scripts/lib/deps.ts";
import { zxShell } from "../../scripts/lib/zx-shell.ts";
import { temporaryFolder } from "./temporary.ts";

/** The real shell and engine client, so that what they call are the fake programs on PATH; what is printed is kept. */
export interface FakeDeps extends Deps {
  readonly printed: string[];
  readonly questions: string[];
  /** What the status page was told, as `[container, name, note]`. */
  readonly told: unknown[];
}

export interface FakeDepsOptions {
  /** The answer to every question; default: no, as without a terminal. */
  readonly answer?: boolean;
  /** The word typed at every prompt; default: none, as without a terminal. */
  readonly word?: string;
  readonly isTerminal?: boolean;
  /** Default: an empty folder. */
  readonly projectDirectory?: string;
}

/** Deps for a command under test; to be made after the fake programs and the environment, which it takes as they are. */
export function fakeDeps(options: FakeDepsOptions = {}): FakeDeps {
  const printed: string[] = [];
  const questions: string[] = [];
  const told: unknown[] = [];
  const projectDirectory = options.projectDirectory ?? temporaryFolder();
  return {
    $: zxShell({ env: { ...process.env } as Record<string, string>, cwd: projectDirectory }),
    engine,
    projectDirectory,
    typed: "make this",
    printed,
    questions,
    print: (line) => printed.push(line),
    printSecret: (line) => printed.push(line),
    ask: async (question) => {
      questions.push(question);
      return options.word ?? "";
    },
    confirm: async (question) => {
      questions.push(question);
      return options.answer ?? false;
    },
    told,
    tellPage: async (...note) => void told.push(note),
    isTerminal: options.isTerminal ?? false,
  };
}
