import { existsSync } from "node:fs";
import { UserError } from "../../infra/lib/errors.ts";
import { paths } from "./checkout.ts";
import type { Deps } from "./deps.ts";
import { knownStacks } from "./pulumi-cli.ts";

/** @throws UserError when setup has not been run for this stack, or the engine does not answer */
export async function requireSetup(deps: Deps, stack: string): Promise<void> {
  await deps.engine.dockerOutput(["version", "--format", "{{.Server.Version}}"], { timeoutSeconds: 20 });
  const hasPassphrase = process.env.PULUMI_CONFIG_PASSPHRASE !== undefined || existsSync(paths.passphrase);
  if (hasPassphrase && (await knownStacks(deps)).includes(stack)) return;
  throw new UserError(`stack ${stack} is not set up`, "make setup");
}
