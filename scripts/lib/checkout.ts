import { existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { engineEnvironment } from "../../infra/lib/docker/host.ts";
import { noProxyFor } from "../../infra/lib/no-proxy.ts";

/** The checkout. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Paths in the checkout. */
export const paths = {
  state: join(root, ".state"),
  backend: join(root, ".state/backend"),
  passphrase: join(root, ".state/passphrase"),
  tools: join(root, ".tools/bin"),
  nodeBinaries: join(root, "node_modules/.bin"),
} as const;

/** Is there if the CLI in this checkout was built by offline/toolchain, not downloaded. */
export const builtCli = join(paths.tools, "pulumi.built-from");

/** The oldest and newest version of the Pulumi CLI that this project was tried with. */
export const pulumiVersion = { floor: "3.200.0", tried: "3.256.0" } as const;

/**
 * The environment in which Pulumi works in this checkout; the operator's variables win over generated ones.
 *
 * `source scripts/shell.sh` puts the same into a shell, so that plain `pulumi up -s letta` works there.
 */
export function projectEnvironment(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const path = [paths.tools, paths.nodeBinaries, ...(env.PATH ?? "").split(delimiter)];
  return {
    PULUMI_BACKEND_URL: pathToFileURL(paths.backend).href,
    ...(env.PULUMI_CONFIG_PASSPHRASE === undefined ? { PULUMI_CONFIG_PASSPHRASE_FILE: paths.passphrase } : {}),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    // Node caches compiled modules there, which saves a tenth of a second per run.
    NODE_COMPILE_CACHE: join(root, "node_modules/.cache/node-compile"),
    // Plugins built here are not available for download. The official CLI, which setup may have put there, downloads its own.
    ...(existsSync(builtCli) ? { PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true" } : {}),
    // Without it the CLI crashes for a user whom the system does not know by name.
    USER: String(process.getuid?.()),
    ...engineEnvironment(env),
    ...given(env),
    // Pulumi's programs talk to each other on loopback.
    ...noProxyFor([], env),
    PATH: [...new Set(path)].join(delimiter),
  };
}

/** The variables that are set: CI has an empty one for each that it was not given. */
function given(env: NodeJS.ProcessEnv): Record<string, string> {
  const isEmpty = ([name, value]: [string, string | undefined]) =>
    value === undefined ||
    (value === "" && /^(PULUMI_BACKEND_URL|PULUMI_CONFIG_PASSPHRASE_FILE|DOCKER_HOST)$/.test(name));
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => !isEmpty(entry)));
}
