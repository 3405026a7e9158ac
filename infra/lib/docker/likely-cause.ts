import type { ContainerState } from "./engine.ts";

/** What a log line usually means; the first match wins. */
export const knownCauses: readonly (readonly [RegExp, string])[] = [
  [/No space left on device/i, "the disk is full: free space, then start again"],
  [/REFUSED: another (instance|Postgres)/i, "another container uses the same data volume: stop it first"],
  [
    /REFUSED: .* half-made/,
    "its first start was interrupted: `make letta-reinit` sets its remains aside, then `make letta-start`",
  ],
  [
    /REFUSED: .* at its root/,
    "the data volume belongs to another tool: give the stack its own, `pulumi config set postgresVolume NAME`",
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
  return knownCauses.find(([pattern]) => pattern.test(text))?.[1];
}
