import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { noProxyFor } from "../../infra/lib/no-proxy.ts";
import { ask } from "../lib/run.ts";

/** Build argument -> how the host reaches a package index. */
export type HostSettings = Readonly<Record<string, string>>;

/** Docker accepts these build arguments without a declaration and keeps them out of the image's history. */
const proxyVariables = ["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];

/** The proxies and package indexes of the host, from the environment or else from each tool's own configuration. */
export async function hostSettings(env: NodeJS.ProcessEnv = process.env): Promise<HostSettings> {
  const [aptProxy, pipIndex, npmRegistry] = await Promise.all([
    env.http_proxy ?? ask("apt-config", ["dump", "--format", "%v%n", "Acquire::http::Proxy"], { env }),
    env.PIP_INDEX_URL ??
      env.UV_DEFAULT_INDEX ??
      ask("python3", ["-m", "pip", "config", "get", "global.index-url"], { env }),
    env.npm_config_registry ?? ask("npm", ["config", "get", "registry"], { env }),
  ]);
  return defined({
    ...Object.fromEntries(proxyVariables.map((name) => [name, env[name]])),
    http_proxy: aptProxy === "DIRECT" ? undefined : aptProxy,
    // A build uses the host's network, where an index or mirror may be on loopback.
    ...noProxyFor([], env),
    PIP_INDEX_URL: pipIndex,
    NPM_CONFIG_REGISTRY: npmRegistry,
  });
}

/** The settings that a Dockerfile can use: the proxies, and what it declares with ARG. */
export function settingsFor(dockerfile: string, settings: HostSettings): HostSettings {
  const declared = new Set([...dockerfile.matchAll(/^ARG\s+(\w+)/gm)].map((match) => match[1]));
  const usable = Object.entries(settings).filter(([name]) => proxyVariables.includes(name) || declared.has(name));
  return Object.fromEntries(usable);
}

/** The certificates that the host's administrator added; they go into the base image. */
export function hostCertificates(): { readonly name: string; readonly text: string }[] {
  const directory = "/usr/local/share/ca-certificates";
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".crt"))
    .sort()
    .map((file) => ({ name: basename(file), text: readFileSync(join(directory, file), "utf8") }));
}

function defined(values: Readonly<Record<string, string | undefined>>): HostSettings {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => Boolean(entry[1])));
}
