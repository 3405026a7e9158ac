import { Option } from "commander";
import type { Deps } from "./deps.ts";
import { redact } from "./format.ts";
import { filterLines, isFiltered, type LogFilter, requirePast } from "./log-filter.ts";

/** Options of every command that shows logs. */
export const logOptions = [
  new Option("-f, --follow", "show lines as they come").default(false),
  new Option("-n, --tail <lines>", "lines of each container, or all; default: 100, and all that are searched"),
  new Option("--since <time>", "e.g. 10m, or a timestamp"),
];

export interface LogsOptions extends LogFilter {
  /** Docker names. */
  readonly containers: readonly string[];
  /** Role -> Docker name of its container, where several may share one: each line there starts with the role. */
  readonly roles?: Readonly<Record<string, string>>;
  /** One service, e.g. `nginx`, or one role; default: all. */
  readonly service?: string | undefined;
  readonly follow: boolean;
  /** Lines of each container, or `all`. Default: 100, or where lines are chosen, all. */
  readonly tail?: string | undefined;
  /** In Docker's format, e.g. `10m`. */
  readonly since?: string;
}

/** Shows the logs of containers: in order of time, or as they come with `follow`. */
export async function showLogs(options: LogsOptions, deps: Deps): Promise<number> {
  const { containers, service, roles = {} } = options;
  const chosen = choose(options);
  if (chosen.length === 0) {
    const names = new Set([...containers, ...Object.keys(roles)]);
    deps.print(`no service "${service}"; there are ${[...names].join(", ")}`);
    return 2;
  }
  const width = Math.max(...chosen.map(({ name }) => name.length));
  const show = (name: string, line: string) => deps.print(`${name.padEnd(width)} | ${redact(line)}`);
  await (options.follow ? follow : showPast)(chosen, options, deps, show);
  return 0;
}

/** The log of a container, or those of its lines that start like this. */
interface Source {
  readonly name: string;
  readonly start: string;
}

function choose({ containers, service, roles = {} }: LogsOptions): Source[] {
  const named = containers.filter((name) => service === undefined || name === service || name.endsWith(`-${service}`));
  if (named.length > 0 || service === undefined) return named.map((name) => ({ name, start: "" }));
  const shared = roles[service];
  return shared === undefined ? [] : [{ name: shared, start: `${service} | ` }];
}

type ShowLine = (name: string, line: string) => void;

const sinceArguments = ({ since }: Pick<LogsOptions, "since">) => (since === undefined ? [] : ["--since", since]);
/** A search is for lines anywhere. */
const linesOf = (options: LogsOptions) => options.tail ?? (isFiltered(options) ? "all" : "100");

/** Past lines, each after Docker's timestamp and a space. */
async function past({ name, start }: Source, options: LogsOptions, deps: Deps): Promise<string[]> {
  // Docker counts the lines of all roles.
  const wanted = linesOf(options);
  const tail = start === "" ? wanted : "all";
  const { stdout, stderr } = await deps.engine.docker([
    ...["logs", "--timestamps", "--tail", tail, ...sinceArguments(options), name],
  ]);
  const lines = `${stdout}${stderr}`.split("\n").filter((line) => line !== "" && textOf(line).startsWith(start));
  return tail === wanted ? lines : lines.slice(Math.max(0, lines.length - Number(wanted)));
}

const textOf = (line: string) => line.slice(line.indexOf(" ") + 1);

async function showPast(sources: readonly Source[], options: LogsOptions, deps: Deps, show: ShowLine): Promise<void> {
  const logs = await Promise.all(
    sources.map(async (source) => (await past(source, options, deps)).map((line) => ({ name: source.name, line }))),
  );
  // Docker's timestamps have a fixed width and are in UTC, so text order is time order.
  const inOrder = logs.flat().sort((first, second) => first.line.localeCompare(second.line));
  for (const { name, line } of filterLines(inOrder, options, ({ line }) => line)) show(name, textOf(line));
}

async function follow(sources: readonly Source[], options: LogsOptions, deps: Deps, show: ShowLine): Promise<void> {
  requirePast(options);
  const { grep = "" } = options;
  await Promise.all(
    sources.map(async (source) => {
      const from = await whereToStart(source, options, deps);
      const process = deps.$({ nothrow: true, detached: false })`docker logs --follow ${from} ${source.name} 2>&1`;
      for await (const line of process)
        if (line.startsWith(source.start) && line.includes(grep)) show(source.name, line);
    }),
  );
}

/** Arguments for Docker with which the past lines that are shown are as many as asked for. */
async function whereToStart(source: Source, options: LogsOptions, deps: Deps): Promise<string[]> {
  if (source.start === "") return ["--tail", linesOf(options), ...sinceArguments(options)];
  const [first] = await past(source, options, deps);
  return first === undefined ? ["--tail", "0"] : ["--since", first.slice(0, first.indexOf(" "))];
}
