import { UserError } from "../../infra/lib/errors.ts";
import { defaultVersion, requireImage, runningImage } from "../images/version.ts";
import { readBackupStack } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import { redact } from "../lib/format.ts";
import { type NewOperation, stamp } from "../lib/operation.ts";
import { readConfigFile } from "../lib/stack-file.ts";
import { configuredVersion } from "../lib/stack-images.ts";
import { begin, type ChangeOptions, carryOut, exitCodeOf, type Outcome, resumeChange } from "./change.ts";
import type { Run, Upgrade } from "./operation.ts";
import { rehearse } from "./rehearsal.ts";

/** Options of `letta upgrade`. */
export interface UpgradeOptions extends ChangeOptions {
  /** Version of Letta, or the reference of an image of it. Default: the pinned one. */
  readonly to?: string;
  /** Version of the Postgres image, or the reference of one: upgrades Postgres instead. */
  readonly postgres?: string;
  /** Print the outcome as one JSON object. */
  readonly json: boolean;
}

/** Runs `letta upgrade`. */
export async function runUpgrade(options: UpgradeOptions, deps: Deps): Promise<number> {
  const { json, resume, stack } = options;
  const toStderr = { isTerminal: false, print: (line: string) => console.error(redact(line)) };
  const own = json ? { ...deps, ...toStderr } : deps;
  const outcome = await (resume ? resumeChange(own, stack, "letta-upgrade") : upgrade(options, own));
  if (json) deps.print(JSON.stringify(outcome, undefined, 2));
  return exitCodeOf(outcome, options);
}

/** Moves Letta, or its Postgres, to another version. */
async function upgrade(options: UpgradeOptions, deps: Deps): Promise<Outcome> {
  const { stack, postgres } = options;
  const { lettaImage } = readConfigFile(deps, stack);
  if (postgres === undefined && lettaImage !== undefined) {
    throw new UserError(
      `${stack} runs an image of your own, ${lettaImage}: this command upgrades the pinned one only`,
      `pulumi config rm lettaImage -s ${stack}`,
    );
  }
  const run = await begin(deps, stack, "letta-upgrade");
  // The rehearsal restores one.
  const backups = await readBackupStack(deps, stack);
  const planned = await plan(options, run);
  if (planned.from.reference === planned.to.reference) {
    deps.print(`${planned.what} is at ${planned.to.version} already`);
    return { result: "up to date" };
  }
  return carryOut<Upgrade>(run, planned, options, (operation) => rehearse(run, operation, backups));
}

/** What is upgraded, from what, to what; the image is on this machine when this returns. */
async function plan({ stack, to, postgres }: UpgradeOptions, { deps, site }: Run): Promise<NewOperation<Upgrade>> {
  const what = postgres === undefined ? "letta" : "postgres";
  const from = await runningImage(deps, what === "letta" ? site.names.server : site.names.postgres);
  return {
    ...{ kind: "letta-upgrade", resume: "make letta-upgrade RESUME=1", stack, id: stamp(), phase: "prepare", what },
    from: { ...from, configured: configuredVersion(deps, stack, what) ?? null },
    to: await requireImage(deps, stack, what, to ?? postgres ?? defaultVersion(deps, stack, what)),
    // Another Postgres of the same major version leaves the data as it is.
    databases: what === "letta" ? [site.place.database] : [],
  };
}
