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
  [/address already in use/i, "something else listens on its port"],
  [
    /invalid value for parameter|unrecognized configuration parameter/i,
    "a setting in the stack's config has a value that this Postgres does not accept",
  ],
  [/exec format error/i, "the image is for another processor architecture"],
  [/Permission denied/i, "a mounted folder does not belong to the container's user"],
  [/ModuleNotFoundError|Cannot find module/i, "the image is incomplete: build or pull it again with `make setup`"],
  // Last: a machine without the internet has such lines of a program that works.
  [
    /could not translate host name|Name or service not known|Temporary failure in name resolution/i,
    "a service it needs is not on its network or not running",
  ],
];

/** One line on why a service most likely did not start, or undefined when the log gives no hint. */
export function likelyCause(state: ContainerState | undefined, log: readonly string[]): string | undefined {
  if (state?.State.OOMKilled) return "it ran out of memory: raise its memoryMiB in the stack's config";
  const ended = endOfRole(log);
  if (ended === undefined) return causeIn(log, state?.State.ExitCode);
  // The engine tells of memory that ran out only until it starts the container again.
  const killed = "killed, as by the kernel when memory runs out: raise its memoryMiB in the stack's config";
  const cause = ended.exitCode === 137 ? killed : causeIn(linesOf([ended.role], log), ended.exitCode);
  return `role ${ended.role} ended with exit code ${ended.exitCode}${cause === undefined ? "" : `: ${cause}`}`;
}

function causeIn(log: readonly string[], exitCode: number | undefined): string | undefined {
  if (exitCode === 127) return "its command is not in the image: check the command in the stack's config";
  const text = log.join("\n");
  for (const [pattern, cause] of knownCauses) {
    const [line, ...captured] = pattern.exec(text) ?? [];
    if (line !== undefined) return cause.replace(/\$(\d)/g, (_, index) => captured[Number(index) - 1] ?? "");
  }
  return undefined;
}

/** The last role whose end was that of its container, by the log of images/all-in-one.sh. */
function endOfRole(log: readonly string[]): { readonly role: string; readonly exitCode: number } | undefined {
  const found = log.map((line) => /^([a-z0-9-]+) \| .*role ended with exit code (\d+): the container ends$/.exec(line));
  const [, role = "", exitCode] = found.findLast((match) => match !== null) ?? [];
  return exitCode === undefined ? undefined : { role, exitCode: Number(exitCode) };
}

const linesOf = (roles: readonly string[], log: readonly string[]) =>
  log.filter((line) => roles.some((role) => line.startsWith(`${role} | `)));

/**
 * The lines that tell why a container is not well. Where several roles share it, those of the roles that are red, or else of
 * the role whose end was the container's.
 *
 * @param said what the container's health check says, at the end of any text
 */
export function tellingLines(log: readonly string[], said = ""): readonly string[] {
  const red = [...said.matchAll(/(?:^|[;:] )([a-z0-9-]+): /g)].map(([, role = ""]) => role);
  const ended = endOfRole(log);
  const candidates = [linesOf(red, log), ended === undefined ? [] : linesOf([ended.role], log)];
  return candidates.find((lines) => lines.length > 0) ?? log;
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
