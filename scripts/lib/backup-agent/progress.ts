import type { Deps } from "../deps.ts";
import { runSteps } from "../steps.ts";
import type { Report } from "./call.ts";

/** What is being done, for the one who watches. */
export interface Work {
  /** One word, at the start of each line of a log. */
  readonly id: string;
  /** What a person reads beside the progress mark. */
  readonly title: string;
  /** Nothing is told: only the result is to be put out. */
  readonly isSilent?: boolean;
}

/** Does something with its progress on the terminal, or as a line now and then where there is none. */
export async function withProgress<Value>(
  deps: Deps,
  { id, title, isSilent = false }: Work,
  work: (report: Report) => Promise<Value>,
): Promise<Value> {
  if (isSilent) return work(() => {});
  let value: { readonly of: Value } | undefined;
  const run = async (report: Report) => {
    value = { of: await work(report) };
  };
  await runSteps([{ id, title, isDone: async () => false, run }], deps);
  return (value as { readonly of: Value }).of;
}
