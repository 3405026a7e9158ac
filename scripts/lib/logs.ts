import { Option } from "commander";
import type { Deps } from "./deps.ts";
import { redact } from "./format.ts";

/** Options of every command that shows logs. */
export const logOptions = [
  new Option("-f, --follow", "show lines as they come").default(false),
  new Option("-n, --tail <lines>", "lines of each container, or all").default("100"),
  new Option("--since <time>", "e.g. 10m, or a timestamp"),
];

export interface LogsOptions {
  /** Docker names. */
  readonly containers: readonly string[];
  /** One service, e.g. `nginx`; default: all. */
  readonly service?: string | undefined;
  readonly follow: boolean;
  /** Lines of each container, or `all`. */
  readonly tail: string;
  /** In Docker's format, e.g. `10m`. */
  readonly since?: string;
}

/** Shows the logs of containers: in order of time, or as they come with `follow`. */
export async function showLogs(options: LogsOptions, deps: Deps): Promise<number> {
  const { service } = options;
  const chosen = options.containers.filter(
    (name) => service === undefined || name === service || name.endsWith(`-${service}`),
  );
  if (chosen.length === 0) {
    deps.print(`no service "${service}"; there are ${options.containers.join(", ")}`);
    return 2;
  }
  const width = Math.max(...chosen.map((name) => name.length));
  const show = (name: string, line: string) => deps.print(`${name.padEnd(width)} | ${redact(line)}`);
  return options.follow ? follow(chosen, options, deps, show) : showPast(chosen, options, deps, show);
}

type ShowLine = (name: string, line: string) => void;

const logArguments = ({ tail, since }: LogsOptions) => [
  "--tail",
  tail,
  ...(since === undefined ? [] : ["--since", since]),
];

async function showPast(names: readonly string[], options: LogsOptions, deps: Deps, show: ShowLine): Promise<number> {
  const logs = await Promise.all(
    names.map(async (name) => {
      const { stdout, stderr } = await deps.engine.docker(["logs", "--timestamps", ...logArguments(options), name]);
      return `${stdout}${stderr}`
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => ({ name, line }));
    }),
  );
  // Docker's timestamps have a fixed width and are in UTC, so text order is time order.
  const inOrder = logs.flat().sort((first, second) => first.line.localeCompare(second.line));
  for (const { name, line } of inOrder) show(name, line.slice(line.indexOf(" ") + 1));
  return 0;
}

async function follow(names: readonly string[], options: LogsOptions, deps: Deps, show: ShowLine): Promise<number> {
  await Promise.all(
    names.map(async (name) => {
      const process = deps.$({
        nothrow: true,
        detached: false,
      })`docker logs --follow ${logArguments(options)} ${name} 2>&1`;
      for await (const line of process) show(name, line);
    }),
  );
  return 0;
}
