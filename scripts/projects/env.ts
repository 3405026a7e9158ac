import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { stringify } from "yaml";
import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "../lib/deps.ts";
import type { LettaStack } from "../lib/stacks.ts";
import { writeWhole } from "../lib/whole-file.ts";
import type { ProjectOptions } from "./add.ts";
import { readSite, requireProject } from "./site.ts";

export type EnvironmentFormat = "env" | "json" | "compose";

export interface EnvironmentOptions extends ProjectOptions {
  readonly format: EnvironmentFormat;
  /** The reader: a container on the letta network, or a process on this host. */
  readonly for: "network" | "host";
  readonly showSecrets: boolean;
  /** Path of a file to write to, secrets included. */
  readonly output?: string | undefined;
}

/** Shows what a project's application needs, or writes it to a file that only its owner can read. */
export async function showEnvironment(options: EnvironmentOptions, deps: Deps): Promise<number> {
  const { stack, name, format, for: reader, output, showSecrets, yes } = options;
  const site = await readSite(deps, stack);
  requireProject(site, name);
  const file = output === undefined ? undefined : resolve(output);
  if (file !== undefined && existsSync(file) && !yes) {
    throw new UserError(`${file} exists already`, "choose another file, or YES=1 to overwrite it");
  }
  const environment = environmentOf(site.letta, name, reader, showSecrets || file !== undefined);
  const text = render(environment, { name, format, network: site.letta.network.name, reader });
  if (file === undefined) {
    deps.printSecret(text);
    // A pipe gets the environment alone.
    if (!showSecrets && deps.isTerminal) deps.print("to show what is hidden: SHOW=1, or into a file: OUTPUT=path");
    return 0;
  }
  await writeWhole(file, `${text}\n`, 0o600);
  const place =
    reader === "host" ? "for processes on this host" : `for containers on network ${site.letta.network.name}`;
  deps.print(`${file}: what project ${name} needs, ${place}; readable only by you`);
  return 0;
}

/** Name -> value. @throws UserError when the stack did not come up with this project yet */
export function environmentOf(
  letta: LettaStack,
  name: string,
  reader: EnvironmentOptions["for"],
  showSecrets: boolean,
): Record<string, string> {
  const project = letta.projects[name];
  if (project === undefined)
    throw new UserError(`project ${name} is in the config, but not up yet`, "make letta-start");
  const { databaseUrl, hostDatabaseUrl, token, encryptionKey } = project;
  const database = reader === "host" ? hostDatabaseUrl : databaseUrl;
  const secret = (value: string) => (showSecrets ? value : "[hidden]");
  return {
    ...databaseForms(database, secret(new URL(database).password)),
    LETTA_BASE_URL: reader === "host" ? letta.urls.gateway : letta.internalUrls.gateway,
    LETTA_API_KEY: secret(token),
    ENCRYPTION_KEY: secret(encryptionKey),
  };
}

/** A project's database in the forms of clients, all of them with TLS, which Postgres insists on. */
function databaseForms(url: string, password: string): Record<string, string> {
  const { username, host, pathname } = new URL(url);
  const plain = `postgresql://${username}:${password}@${host}${pathname}`;
  return {
    // libpq, psycopg, asyncpg and SQLAlchemy try TLS first.
    DATABASE_URL: plain,
    // node-postgres uses TLS only if told to, and then refuses an authority that it does not know.
    NODE_DATABASE_URL: `${plain}?sslmode=no-verify`,
    JDBC_DATABASE_URL: `jdbc:postgresql://${host}${pathname}?user=${username}&password=${password}&sslmode=require`,
  };
}

interface Rendering {
  readonly name: string;
  readonly format: EnvironmentFormat;
  readonly network: string;
  readonly reader: EnvironmentOptions["for"];
}

function render(environment: Readonly<Record<string, string>>, { name, format, network, reader }: Rendering): string {
  if (format === "json")
    return JSON.stringify(reader === "host" ? environment : { ...environment, network }, undefined, 2);
  if (format === "compose") {
    const service = {
      environment,
      ...(reader === "host" ? { network_mode: "host" } : { networks: ["default", network] }),
    };
    const networks = reader === "host" ? {} : { networks: { [network]: { external: true } } };
    return stringify({ services: { [name]: service }, ...networks }, { lineWidth: 0 }).trimEnd();
  }
  const lines = Object.entries(environment).map(([key, value]) => `${key}=${value}`);
  return [...(reader === "host" ? [] : [`# For containers on network ${network}.`]), ...lines].join("\n");
}
