import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { ask } from "./run.ts";

/** How the host reaches package indexes, by the name of the build argument that carries it. */
export type HostSettings = Readonly<Record<string, string>>;

/** Docker takes these as build arguments without a declaration, and keeps them out of the image's history. */
const PROXY_VARIABLES = ["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];

/** Reads the proxies and package indexes that are configured on the host, in the environment or in a tool's own files. */
export async function hostSettings(env: NodeJS.ProcessEnv): Promise<HostSettings> {
  const [aptProxy, pipIndex, npmRegistry] = await Promise.all([
    env.http_proxy ?? aptSetting("Acquire::http::Proxy", env),
    env.PIP_INDEX_URL ??
      env.UV_DEFAULT_INDEX ??
      ask("python3", ["-m", "pip", "config", "get", "global.index-url"], env),
    env.npm_config_registry ?? ask("npm", ["config", "get", "registry"], env),
  ]);
  const proxies = PROXY_VARIABLES.map((name) => [name, env[name]] as const);
  return defined([
    ...proxies,
    ["http_proxy", aptProxy],
    ["PIP_INDEX_URL", pipIndex],
    ["NPM_CONFIG_REGISTRY", npmRegistry],
  ]);
}

/** The settings a Dockerfile has a use for: the proxies, and whatever it declares with ARG. */
export function settingsFor(dockerfile: string, settings: HostSettings): HostSettings {
  const declared = new Set([...dockerfile.matchAll(/^ARG\s+(\w+)/gm)].map((match) => match[1]));
  return defined(Object.entries(settings).filter(([name]) => PROXY_VARIABLES.includes(name) || declared.has(name)));
}

/** The certificates the host's administrator added; they go into the base image. */
export function hostCertificates(): { readonly name: string; readonly text: string }[] {
  const directory = "/usr/local/share/ca-certificates";
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".crt"))
    .sort()
    .map((file) => ({ name: basename(file), text: readFileSync(join(directory, file), "utf8") }));
}

async function aptSetting(name: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const answer = await ask("apt-config", ["dump", "--format", "%v%n", name], env);
  return answer === "DIRECT" ? undefined : answer;
}

function defined(entries: Iterable<readonly [string, string | undefined]>): HostSettings {
  return Object.fromEntries([...entries].filter((entry): entry is [string, string] => Boolean(entry[1])));
}
