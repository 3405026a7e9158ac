import { join } from "node:path";
import semver from "semver";
import { UserError } from "../../infra/lib/errors.ts";
import { pulumiVersion, root } from "../lib/checkout.ts";
import type { Deps } from "../lib/deps.ts";
import type { Step } from "../lib/steps.ts";

/** Installs the official Pulumi CLI unless a recent enough one is on PATH. Needs its download site. */
export function pulumiCliStep(deps: Deps): Step {
  return {
    id: "pulumi",
    title: `Pulumi CLI (${pulumiVersion.floor} or newer)`,
    isDone: async () => isNewEnough(await installedVersion(deps)),
    async run(report) {
      report(`installing ${pulumiVersion.tried}`);
      const { PulumiCommand } = await import("@pulumi/pulumi/automation/index.js");
      try {
        await PulumiCommand.install({ root: join(root, ".tools"), version: new semver.SemVer(pulumiVersion.tried) });
      } catch (error) {
        throw new UserError(
          `the Pulumi CLI could not be installed: ${(error as Error).message}`,
          "install it manually, or build it here: THOTH_LETTA_IMAGES=local make setup",
        );
      }
    },
  };
}

/** The version of the CLI on the project's PATH, e.g. `3.256.0`, or undefined when there is none. */
export async function installedVersion(deps: Deps): Promise<string | undefined> {
  const result = await deps.$({ nothrow: true })`pulumi version`;
  return result.exitCode === 0 ? result.stdout.trim().replace(/^v/, "") : undefined;
}

/** True for the project's floor and everything newer; false for what is not a version. */
export function isNewEnough(version: string | undefined): boolean {
  return version !== undefined && semver.valid(version) !== null && semver.gte(version, pulumiVersion.floor);
}
