import { Option } from "commander";
import { UserError } from "../../infra/lib/errors.ts";

/** Options that choose lines; a request's lines are found in all containers that it went through. */
export const filterOptions = [
  new Option("--grep <text>", "lines with this text"),
  new Option("--project <name>", "lines of this project's requests"),
  new Option("--run <id>", "lines of the request that started this run, or of any request by its X-Request-Id"),
];

/** Which lines; all that is given must fit. */
export interface LogFilter {
  readonly grep?: string | undefined;
  readonly project?: string | undefined;
  readonly run?: string | undefined;
}

const requestOf = (line: string) => /\brequest=([A-Za-z0-9-]+)/.exec(line)?.[1];

/** True when the filter chooses at all. */
export const isFiltered = ({ grep, project, run }: LogFilter) => [grep, project, run].some((one) => one !== undefined);

/**
 * The lines that a filter chooses: those that it names, and all others of the same requests.
 *
 * @param lineOf the text of an entry
 */
export function filterLines<Entry>(
  entries: readonly Entry[],
  filter: LogFilter,
  lineOf: (entry: Entry) => string,
): readonly Entry[] {
  const { grep, project, run } = filter;
  const ofRequests = (names: (line: string) => boolean) => {
    const requests = new Set(entries.filter((entry) => names(lineOf(entry))).map((entry) => requestOf(lineOf(entry))));
    requests.delete(undefined);
    return (line: string) => names(line) || requests.has(requestOf(line));
  };
  const tests = [
    ...(grep === undefined ? [] : [(line: string) => line.includes(grep)]),
    ...(project === undefined ? [] : [ofRequests((line) => line.includes(` project=${project} `))]),
    ...(run === undefined ? [] : [ofRequests((line) => line.includes(run))]),
  ];
  return entries.filter((entry) => tests.every((test) => test(lineOf(entry))));
}

/** @throws UserError for a filter that needs to know lines which have not come yet */
export function requirePast({ project, run }: LogFilter): void {
  if (project === undefined && run === undefined) return;
  throw new UserError("the lines of a request are known when it has ended: project and run do not go with follow");
}
