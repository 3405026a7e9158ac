import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, link, mkdir, rm, writeFile } from "node:fs/promises";
import { UserError } from "../../infra/lib/errors.ts";
import { paths } from "../lib/checkout.ts";
import type { Deps } from "../lib/deps.ts";
import { knownStacks } from "../lib/pulumi-cli.ts";
import { readConfigFile } from "../lib/stack-file.ts";
import type { Step } from "../lib/steps.ts";

/** Creates the folder of this installation: Pulumi's state, its passphrase, the list of built images. */
export async function makeStateFolder({
  state,
  backend,
  passphrase,
}: Pick<typeof paths, "state" | "backend" | "passphrase"> = paths): Promise<void> {
  // Pulumi's state files are world-readable; the folder is not.
  await mkdir(backend, { recursive: true, mode: 0o700 });
  await chmod(state, 0o700);
  if (existsSync(passphrase)) return;
  const draft = `${passphrase}.${randomBytes(4).toString("hex")}`;
  await writeFile(draft, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600, flush: true });
  // Atomic; unlike a rename, a link never replaces a file that another run has just created.
  await link(draft, passphrase).catch(ignoreExisting);
  await rm(draft);
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}

/** Creates a stack in Pulumi's state and stores setup's choices in its config. */
export function stackStep(
  deps: Deps,
  stack: string,
  chosen: Readonly<Record<string, string>>,
  needs: readonly string[],
): Step {
  return {
    id: `stack-${stack}`,
    title: `Pulumi stack ${stack}`,
    needs,
    async isDone() {
      const isChosen = Object.keys(chosen).every((key) => readConfigFile(deps, stack)[key] !== undefined);
      // Before the first setup there is no CLI yet.
      return isChosen && (await knownStacks(deps).catch((): string[] => [])).includes(stack);
    },
    async run() {
      if (!(await knownStacks(deps)).includes(stack)) await makeStack(deps, stack);
      for (const [key, value] of Object.entries(chosen))
        await deps.$`pulumi config set ${key} ${value} --stack ${stack}`;
    },
  };
}

async function makeStack(deps: Deps, stack: string): Promise<void> {
  const { exitCode, stderr } = await deps.$({ nothrow: true })`pulumi stack init ${stack} --no-select`;
  if (exitCode === 0) return;
  if (!stderr.includes("incorrect passphrase"))
    throw new UserError(`stack ${stack} could not be created: ${stderr.trim()}`);
  throw new UserError(
    `Pulumi.${stack}.yaml is encrypted with a different passphrase`,
    `put that passphrase into .state/passphrase or PULUMI_CONFIG_PASSPHRASE. If it is lost, so are the secrets in that file: ` +
      `remove its line encryptionsalt and run make setup (make letta-recover recovers a letta stack's secrets)`,
  );
}
