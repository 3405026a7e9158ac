import type { Deps } from "./deps.ts";

/** What an operator agrees to before a command goes ahead. */
export interface Confirmation {
  /** Agreed already, by `YES=1`. */
  readonly yes: boolean;
  /** Who or what it affects: a heading and a line each. Not shown without lines. */
  readonly affects?: { readonly heading: string; readonly lines: readonly string[] };
  /** Default: `continue?` */
  readonly question?: string;
  /** Asks for this word instead of yes or no. */
  readonly word?: string;
  /** Variable that agrees without a question; default `YES=1`. */
  readonly variable?: string;
}

/** Shows what is affected and asks. @returns false when the operator does not agree, after printing what to type instead */
export async function confirm(deps: Deps, { yes, affects, question, word, variable }: Confirmation): Promise<boolean> {
  if (affects !== undefined && affects.lines.length > 0) {
    deps.print(affects.heading);
    for (const line of affects.lines) deps.print(`  ${line}`);
  }
  if (yes) return true;
  const text = question ?? (word === undefined ? "continue?" : `type ${word} to continue:`);
  // Where nobody can answer, the question still says what this is about.
  if (!deps.isTerminal) deps.print(text);
  if (word === undefined ? await deps.confirm(text) : (await deps.ask(text)) === word) return true;
  deps.print(`nothing was changed; to go ahead without a question: ${deps.typed} ${variable ?? "YES=1"}`);
  return false;
}
