import { paths } from "../../images/backup/src/contract.ts";
import { UserError } from "../../infra/lib/errors.ts";
import { readImageFile } from "../../infra/lib/image-files.ts";
import type { LettaEndpoint } from "../../infra/lib/letta/api.ts";
import { migrate } from "../../infra/lib/letta/migrate.ts";
import { probeLetta } from "../../infra/lib/letta/probe.ts";
import { callAgent, inContainer } from "../lib/backup-agent/call.ts";
import { requireSound } from "../lib/backup-agent/results.ts";
import { type BackupStack, oneOff } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import { formatBytes } from "../lib/format.ts";
import { psql } from "../lib/psql.ts";
import { differences, pendingMigrations, requireNone, summary, takeInventory } from "./check.ts";
import { removeCopy, requireMajor, startPostgres, untilReady } from "./copy.ts";
import type { Run, Site, Upgrade } from "./operation.ts";

/**
 * Backs up, and makes the upgrade on what the backup restores to, in containers that the stack does not notice.
 *
 * @throws UserError when the new version does not work there, or an agent, a row or a text is not as it was
 */
export async function rehearse(run: Run, operation: Upgrade, backups: BackupStack): Promise<Partial<Upgrade>> {
  const { deps, site } = run;
  const { what, from, to, id } = operation;
  await requireSpace(run);
  deps.print(`upgrade of ${what === "letta" ? "Letta" : "Postgres"} ${from.version} -> ${to.version}`);
  if (what === "letta") {
    const migrations = await pendingMigrations(deps, to.reference, site.place);
    for (const line of migrations) deps.print(`  migration ${line}`);
  } else {
    const major = "select current_setting('server_version_num')::int / 10000";
    const fix = "make adopt takes data over from another major version, into a stack that has it";
    await requireMajor(deps, to.reference, Number((await psql(deps, site.names.postgres, major))[0]), fix);
  }
  deps.print("backing up, and restoring that for a rehearsal");
  const { backup } = backups.containers;
  await callAgent(deps, inContainer(backup, ["now"]), (line) => deps.print(`  ${line}`));
  await callAgent(deps, inContainer(backup, ["point", `rehearsal-${id}`]));
  await removeCopy(deps, site);
  await deps.engine.dockerOutput(["volume", "create", site.copy.volume]);
  const args = ["restore", "--target", `name:rehearsal-${id}`];
  requireSound(deps, await callAgent(deps, oneOff(backups, { name: "rehearsal", args, cluster: site.copy.volume })));
  await (what === "letta" ? rehearseLetta : rehearsePostgres)(run, operation);
  return {};
}

/** @throws UserError when there is no room for a copy of the cluster, and what is written meanwhile */
async function requireSpace({ deps, site }: Run): Promise<void> {
  const { postgres } = site.names;
  const [size = "0"] = await psql(deps, postgres, "select 1.2 * sum(pg_database_size(oid)) from pg_database");
  const df = ["exec", postgres, "df", "--output=avail", "--block-size=1", paths.volume];
  const available = Number((await deps.engine.dockerOutput(df)).trim().split("\n").at(-1));
  if (available > Number(size)) return;
  throw new UserError(
    `an upgrade copies the data: it needs ${formatBytes(Number(size))}, and ${formatBytes(available)} are free`,
    "free space where Docker has its volumes",
  );
}

async function rehearseLetta({ deps, site }: Run, { to }: Upgrade): Promise<void> {
  const { migration, postgres } = site.copy.containers;
  const place = { container: postgres, database: "letta" };
  await startRestored(deps, site, (await deps.engine.inspectContainer(site.names.postgres))?.Config.Image ?? "");
  const before = await takeInventory(deps, place);
  const { username, password } = new URL(site.letta.hostDatabaseUrl);
  await migrate({
    image: to.reference,
    containerName: migration,
    network: `container:${postgres}`,
    databaseUrl: databaseUrl.replace("//", `//${username}:${password}@`),
    // These are for looking at the schema from this host, which `migrate` does not.
    ...{ host: "", port: 0, database: "letta", user: "", password: "" },
  });
  const migrated = await takeInventory(deps, place);
  requireNone(differences(before, migrated, { exact: true }), "the migration changes what may not change");
  const probes = await probeLetta(await startServer(deps, site, to.reference));
  const failed = probes.filter(({ ok }) => !ok).map(({ check, detail }) => `${check}: ${detail}`);
  const found = differences(migrated, await takeInventory(deps, place), { exact: false });
  requireNone([...failed, ...found], "the new version does not work with the copy");
  deps.print(`  migrated, served and probed; as before: ${summary(before)}`);
}

async function rehearsePostgres({ deps, site }: Run, { from, to }: Upgrade): Promise<void> {
  const { postgres } = site.copy.containers;
  const place = { container: postgres, database: "letta" };
  await startRestored(deps, site, from.reference);
  const before = await takeInventory(deps, place);
  // A clean shutdown: one version must not read what another one has not written out.
  await deps.engine.dockerOutput(["stop", "--time", "120", postgres]);
  await deps.engine.dockerOutput(["rm", "--volumes", postgres]);
  await startRestored(deps, site, to.reference);
  // An image that lacks a library would fail at the first call of a function in it.
  const libraries = "select distinct probin from pg_proc where probin is not null";
  await psql(deps, postgres, `select format('load %L', probin) from (${libraries}) l \\gexec\n`, place.database);
  const found = differences(before, await takeInventory(deps, place), { exact: true });
  requireNone(found, "the new Postgres reads something else");
  deps.print(`  served; as before: ${summary(before)}`);
}

/** What the copy has of the stack's Postgres. */
const settings = {
  // A migration may ask for it; the tests do.
  cluster_name: "rehearsal",
  max_connections: "100",
  shared_buffers: "128MB",
  // Letta demands TLS.
  ssl: "on",
  ssl_cert_file: "/tmp/tls/server.pem",
  ssl_key_file: "/tmp/tls/server.pem",
};

async function startRestored(deps: Deps, site: Site, image: string): Promise<void> {
  const options = [
    // On the stack's network, so that the server which shares it reaches the models that are there.
    ...["--network", site.letta.network.name, "--add-host", "host.docker.internal:host-gateway"],
    ...["--publish", "127.0.0.1::8283", "--env", `CERTIFICATE=${readImageFile("postgres/uploads/certificate.sh")}`],
  ];
  const prologue = 'PGDATA=/tmp/pgdata bash -c "$CERTIFICATE" certificate once';
  await startPostgres(deps, site, image, { options, prologue, settings });
}

const databaseUrl = "postgresql://127.0.0.1:5432/letta";
const files = "/run/thoth-letta";
const credentials = "/run/credentials";
const environment = [`LETTA_PG_URI=${databaseUrl}`, "LETTA_REDIS_HOST=127.0.0.1", "LETTA_REDIS_PORT=6379"];

/** Starts another version of the Letta server on the copy, with a Redis, and the stack's own files, settings and logins. */
async function startServer(deps: Deps, { names, copy, letta }: Site, image: string): Promise<LettaEndpoint> {
  const { redis, server, postgres } = copy.containers;
  const network = ["--network", `container:${postgres}`];
  const logins = (volume: string) => ["--volume", `${volume}:${credentials}:ro`];
  const redisImage = (await deps.engine.inspectContainer(names.redis))?.Config.Image ?? "";
  await deps.engine.dockerOutput([
    ...["run", "--detach", "--name", redis, ...network, ...logins(names.volumes.redisCredentials), redisImage],
    ...["redis-server", "--bind", "127.0.0.1", "--save", "", "--aclfile", `${credentials}/users.acl`],
  ]);
  const pairs = [...(await environmentOf(deps, names.server)), ...environment];
  await deps.engine.dockerOutput([
    ...["create", "--name", server, ...network, ...logins(names.volumes.serverCredentials)],
    ...[...pairs.flatMap((pair) => ["--env", pair]), "--entrypoint", "sh", image],
    ...[`${files}/with-secrets.sh`, "python3", `${files}/serve.py`],
  ]);
  await deps.$`docker cp ${names.server}:${files} - | docker cp - ${server}:/run`;
  await deps.engine.dockerOutput(["start", server]);
  const published = (await deps.engine.dockerOutput(["port", postgres, "8283/tcp"])).split("\n")[0];
  const endpoint = { url: `http://${published}`, password: letta.serverPassword };
  await untilReady(deps, server, async () => (await fetch(`${endpoint.url}/v1/health/`)).ok);
  return endpoint;
}

/** What the stack added to the environment of a container's image. */
async function environmentOf(deps: Deps, container: string): Promise<string[]> {
  const read = async (name: string) =>
    JSON.parse(await deps.engine.dockerOutput(["inspect", "--format", "{{json .Config.Env}}", name])) as string[];
  const ofImage = new Set(await read((await deps.engine.inspectContainer(container))?.Config.Image ?? ""));
  return (await read(container)).filter((pair) => !ofImage.has(pair));
}
