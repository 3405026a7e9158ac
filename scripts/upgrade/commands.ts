import { type Command, Option } from "commander";
import { type Add, json, lettaStack, yes } from "../lib/cli.ts";
import type { Deps } from "../lib/deps.ts";

interface AdoptOptions {
  readonly fromVolume?: string;
  readonly image?: string;
  readonly without: string[];
  readonly dryRun: boolean;
  readonly resume: boolean;
}

interface Options {
  readonly to?: string;
  readonly postgres?: string;
  readonly dryRun: boolean;
  readonly resume: boolean;
  readonly drainSeconds: number;
}

/** Adds `letta upgrade` and `letta adopt`. */
export function addUpgradeCommands(letta: Command, add: Add, deps: Deps): void {
  add<Options>(
    letta,
    "upgrade",
    "another version of Letta: planned, rehearsed, with a way back that is taken by itself",
    [
      lettaStack,
      new Option("--to <version>", "version of Letta, or reference of an image of it").conflicts("postgres"),
      new Option("--postgres <version>", "upgrade Postgres instead: version of its image, or reference of one"),
      new Option("--dry-run", "plan and rehearse, and change nothing").default(false),
      new Option("--resume", "go on with an upgrade that was interrupted").default(false).conflicts(["to", "postgres"]),
      new Option("--drain-seconds <n>", "how long to wait for runs at work").default(300).argParser(Number),
      yes,
      json,
    ],
    async ({ lettaStack: stack, ...options }) => (await import("./run.ts")).runUpgrade({ stack, ...options }, deps),
  );
  add<AdoptOptions>(
    letta,
    "adopt",
    "take over the databases of another installation's Postgres, of any major version; it stays as it is",
    [
      lettaStack,
      new Option("--from-volume <volume>", "Docker volume with its cluster"),
      new Option("--image <reference>", "image with its Postgres; default: the stack's own"),
      new Option("--without <database>", "leave this database").default([]).argParser(collect),
      new Option("--dry-run", "look, and change nothing").default(false),
      new Option("--resume", "go on with an adoption that was interrupted").default(false),
      yes,
    ],
    async ({ lettaStack: stack, ...options }) => (await import("./adopt.ts")).runAdopt({ stack, ...options }, deps),
  );
}

function collect(value: string, others: string[]): string[] {
  return [...others, value];
}
