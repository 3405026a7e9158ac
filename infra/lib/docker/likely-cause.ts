import type { ContainerState } from "./engine.ts";

/** What a log line usually means, in which `$1` is what the pattern captured; the first match wins. */
export const knownCauses: readonly (readonly [RegExp, string])[] = [
  [/(\w+ API key not found)\. Please set (\w+)/i, "$1: set $2 in the thoth stack's secretEnv or envFile"],
  [/(unrecognized arguments: .*)/, "$1: check the command in the stack's config"],
  [/No space left on device/i, "the disk is full: free space, then start again"],
  [/REFUSED: another (instance|Postgres)/i, "another container uses the same data volume: stop it first"],
  [
    /REFUSED: .* half-made/,
    "its first start was interrupted: `make letta-reinit` sets its remains aside, then `make letta-start`",
  ],
  [
    /REFUSED: .* at its root/,
    "the data volume is an older installation's: `make adopt` takes its data over and leaves the volume as it is",
  ],
  [/database files are incompatible with server/i, "the data volume belongs to another major version of Postgres"],
  [
    /password authentication failed/i,
    "the database's password is not the one in the Pulumi state: run `make letta-start` again",
  ],
  [
    /could not translate host name|Name or service not known|Temporary failure in name resolution/i,
    "a service it needs is not on its network or not running",
  ],
  [/address already in use/i, "something else listens on its port"],
  [
    /invalid value for parameter|unrecognized configuration parameter/i,
    "a setting in the stack's config has a value that this Postgres does not accept",
  ],
  [/exec format error/i, "the image is for another processor architecture"],
  [/Permission denied/i, "a mounted folder does not belong to the container's user"],
  [/ModuleNotFoundError|Cannot find module/i, "the image is incomplete: build or pull it again with `make setup`"],
];

/** One line on why a service most likely did not start, or undefined when the log gives no hint. */
export function likelyCause(state: ContainerState | undefined, log: readonly string[]): string | undefined {
  if (state?.State.OOMKilled) return "it ran out of memory: raise its memoryMiB in the stack's config";
  if (state?.State.ExitCode === 127) return "its command is not in the image: check the command in the stack's config";
  const text = log.join("\n");
  for (const [pattern, cause] of knownCauses) {
    const [line, ...captured] = pattern.exec(text) ?? [];
    if (line !== undefined) return cause.replace(/\$(\d)/g, (_, index) => captured[Number(index) - 1] ?? "");
  }
  return undefined;
}

/** The first line that looks like an error: what follows it is often only its consequences. */
export function firstError(log: readonly string[]): string | undefined {
  return log.find((line) => /\b(critical|error|exception|fatal|panic)\b/i.test(line));
}

/** The last lines, without repeats of one line at different times. */
export function lastDistinct(log: readonly string[], count: number): string[] {
  const withoutTime = (line: string) => line.replace(/\d{2,4}([-/:.]\d\d){2,}([ T]\d\d(:\d\d)+)?([.,]\d+)?Z?/g, "");
  const last = new Map(log.map((line, index) => [withoutTime(line), index]));
  return log.filter((line, index) => last.get(withoutTime(line)) === index).slice(-count);
}
