import { existsSync } from "node:fs";
import { paths } from "../../images/backup/src/contract.ts";
import { UserError } from "../../infra/lib/errors.ts";
import { until } from "../../infra/lib/until.ts";
import type { Deps } from "../lib/deps.ts";
import type { Site } from "./operation.ts";

/** What of a {@link Site} a copy needs. */
export type CopySite = Pick<Site, "copy">;

/** Removes what a change made for its preparation, also what a killed run left. */
export async function removeCopy(deps: Deps, { copy: { volume, containers } }: CopySite): Promise<void> {
  // A container that shares the network of another goes before it.
  await deps.engine.docker(["rm", "--force", "--volumes", ...Object.values(containers).toReversed()]);
  await deps.engine.docker(["volume", "rm", "--force", volume]);
}

const cluster = paths.cluster;
/** It asks nobody for a password, so it listens to nobody outside of its network. */
const rules = "local all all trust\\nhost all all 127.0.0.1/32 trust\\n";
const ownSettings = {
  hba_file: "/tmp/pg_hba.conf",
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "/var/run/postgresql",
  archive_mode: "off",
  max_wal_senders: "0",
};

/**
 * Starts a Postgres on the copy, and waits until it answers. Only containers that share its network reach it.
 *
 * @param options of `docker run` @param prologue shell script that runs before Postgres, as its user
 */
export async function startPostgres(
  deps: Deps,
  { copy }: CopySite,
  image: string,
  { options, settings, prologue = "true" }: { options: string[]; settings: Record<string, string>; prologue?: string },
): Promise<void> {
  const { postgres } = copy.containers;
  const script = `printf '${rules}' >/tmp/pg_hba.conf && { ${prologue}; } && exec postgres -D ${cluster} "$@"`;
  await deps.engine.dockerOutput([
    ...["run", "--detach", "--name", postgres, "--user", "postgres", "--shm-size", "256m", ...options],
    ...["--volume", `${copy.volume}:${paths.volume}`, "--entrypoint", "sh", image, "-c", script, "postgres"],
    ...asOptions({ ...ownSettings, ...settings }),
  ]);
  const question = ["exec", postgres, "pg_isready", "-q", "-h", "127.0.0.1"];
  await untilReady(deps, postgres, async () => (await deps.engine.docker(question)).exitCode === 0);
}

const asOptions = (settings: Readonly<Record<string, string>>) =>
  Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);

/** A new version imports its code for the first time, perhaps next to much other work. */
const startSeconds = 300;

/** Waits for a container's service. @throws UserError with the end of its log when it stops or takes too long */
export async function untilReady(deps: Deps, container: string, isReady: () => Promise<boolean>): Promise<void> {
  const problem = async () => {
    const log = await deps.engine.lastLogLines(container, 15);
    return new UserError(`${container} does not work; the end of its log:\n    ${log.join("\n    ")}`);
  };
  const answers = async () => {
    if (await isReady().catch(() => false)) return true;
    if ((await deps.engine.inspectContainer(container))?.State.Running) return false;
    throw await problem();
  };
  await until(answers, { seconds: startSeconds, everyMs: 200, problem });
}

/** @throws UserError when an image has another major version of Postgres than the data is of */
export async function requireMajor(deps: Deps, image: string, major: number, fix: string): Promise<void> {
  const args = ["run", "--rm", "--network", "none", "--entrypoint", "postgres", image, "--version"];
  const { exitCode, stdout, stderr } = await deps.engine.docker(args);
  if (exitCode !== 0) throw new UserError(`image ${image} does not run here: ${stderr.trim().split("\n").at(-1)}`, fix);
  const found = Number(/(\d+)\.\d+/.exec(stdout)?.[1]);
  if (found !== major) throw new UserError(`${image} is Postgres ${found}, the data is of Postgres ${major}`, fix);
}

/** The cluster of another installation, in a folder of a Docker volume. */
export interface OldCluster {
  /** The volume, or a folder of this host. */
  readonly volume: string;
  readonly folder: string;
  readonly major: number;
}

/** Looks for the cluster in a volume. @throws UserError when there is none, or something uses it */
export async function findCluster(deps: Deps, volume: string, image: string): Promise<OldCluster> {
  // Mounting what does not exist would create it.
  if (!(volume.startsWith("/") ? existsSync(volume) : await deps.engine.volumeExists(volume)))
    throw new UserError(`there is no volume ${volume}`, "docker volume ls");
  const ps = ["ps", "--filter", `volume=${volume}`, "--format", "{{.Names}}"];
  const users = (await deps.engine.dockerOutput(ps)).trim().replaceAll("\n", " ");
  if (users !== "") throw new UserError(`volume ${volume} is in use by ${users}`, `docker stop ${users}`);
  const find = `cd /old; for folder in . pgdata data pgdata/data; do
    if [ -s $folder/PG_VERSION ]; then echo $folder $(cat $folder/PG_VERSION); break; fi
  done`;
  const [folder, version] = (await inVolumes(deps, image, [`${volume}:/old:ro`], find)).trim().split(" ");
  if (folder === undefined || version === undefined)
    throw new UserError(`volume ${volume} has no Postgres cluster in it`);
  return { volume, folder, major: Number(version) };
}

/** What may not apply of the old settings: libraries that the image lacks, files that are elsewhere. */
const oldSettings = { shared_preload_libraries: "", ssl: "off", autovacuum: "off" };

/** Copies a cluster, and starts a Postgres on the copy, for reading alone. The original is never written to. */
export async function startOldCluster(deps: Deps, site: CopySite, image: string, old: OldCluster): Promise<void> {
  const { volume } = site.copy;
  await removeCopy(deps, site);
  await deps.engine.dockerOutput(["volume", "create", volume]);
  // Other images have other user ids; the lock is that of a container that is gone.
  const script = `set -e; mkdir ${cluster}; cp -a --reflink=auto /old/${old.folder}/. ${cluster}
    rm -f ${cluster}/postmaster.pid; chown -R postgres: ${paths.volume}; chmod 0700 ${cluster}`;
  const mount = `${volume}:${paths.volume}`;
  await inVolumes(deps, image, [`${old.volume}:/old:ro`, mount], script);
  // Whatever its superuser is called, here there is a `postgres`. Fails harmlessly where there was one.
  const single = `postgres --single -D ${cluster} ${asOptions(oldSettings).join(" ")} template1`;
  await inVolumes(deps, image, [mount], `echo 'create role postgres superuser login' | ${single} || true`, "postgres");
  const settings = { ...oldSettings, default_transaction_read_only: "on" };
  await startPostgres(deps, site, image, { options: ["--network", "none"], settings });
}

function inVolumes(
  deps: Deps,
  image: string,
  volumes: readonly string[],
  script: string,
  user = "0:0",
): Promise<string> {
  const mounts = volumes.flatMap((volume) => ["--volume", volume]);
  const run = ["run", "--rm", "--network", "none", "--user", user, ...mounts];
  return deps.engine.dockerOutput([...run, "--entrypoint", "sh", image, "-c", script]);
}
