import { type Command, InvalidArgumentError, Option } from "commander";
import { type Add, json, lettaStack, yes } from "../lib/cli.ts";
import type { Deps } from "../lib/deps.ts";
import type { UpgradeOptions } from "./upgrade.ts";

/** Adds `letta upgrade`. */
export function addUpgradeCommands(letta: Command, add: Add, deps: Deps): void {
  const dryRun = new Option("--dry-run", "prepare and check everything, and change nothing").default(false);
  const drainSeconds = new Option("--drain-seconds <n>", "how long to wait for runs at work; 0: not at all")
    .default(300)
    .argParser(seconds);
  const resume = new Option("--resume", "resume an interrupted upgrade")
    .default(false)
    .conflicts(["to", "postgres", "dryRun"]);
  add<UpgradeOptions>(
    letta,
    "upgrade",
    "move Letta or its Postgres to another version: rehearsed on a restored backup, undone if it fails",
    [
      lettaStack,
      new Option("--to <version>", "version of Letta, or reference of an image of it").conflicts("postgres"),
      new Option("--postgres <version>", "upgrade Postgres instead: version of its image, or reference of one"),
      ...[dryRun, resume, drainSeconds, yes, json],
    ],
    async (options) => (await import("./upgrade.ts")).runUpgrade({ ...options, stack: options.lettaStack }, deps),
  );
}

function seconds(value: string): number {
  if (/^\d+$/.test(value)) return Number(value);
  throw new InvalidArgumentError("It is a number of seconds.");
}
