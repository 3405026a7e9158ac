import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "../lib/deps.ts";

/** A cluster of another Postgres, maybe of another major version, in a Docker volume. */
export interface OldCluster {
  readonly volume: string;
  /** Its folder in the volume, e.g. `.` or `pgdata`. */
  readonly folder: string;
  readonly major: number;
}

/** Docker names of what an adoption makes, and removes again. */
export function adoptionNames(prefix: string) {
  return { volume: `${prefix}-adoption`, postgres: `${prefix}-adoption` } as const;
}

const folders = [".", "pgdata", "data", "pgdata/data"];

/** Looks for the cluster in a volume. @throws UserError when there is none, or something uses it */
export async function findCluster(deps: Deps, volume: string, image: string): Promise<OldCluster> {
  if (!(await deps.engine.volumeExists(volume))) {
    throw new UserError(`there is no volume ${volume}`, "docker volume ls");
  }
  const users = (
    await deps.engine.dockerOutput(["ps", "--filter", `volume=${volume}`, "--format", "{{.Names}}"])
  ).trim();
  if (users !== "") {
    throw new UserError(
      `volume ${volume} is in use by ${users.split("\n").join(", ")}`,
      `docker stop ${users.split("\n")[0]}`,
    );
  }
  const find = `for folder in ${folders.join(" ")}; do
    if [ -s $folder/PG_VERSION ]; then echo $folder $(cat $folder/PG_VERSION); break; fi
  done`;
  const found = await inVolumes(deps, image, [`${volume}:/old:ro`], `cd /old; ${find}`);
  const [folder, version] = found.trim().split(" ");
  if (folder === undefined || version === undefined)
    throw new UserError(`volume ${volume} has no Postgres cluster in it`);
  return { volume, folder, major: Number(version) };
}

/** Copies a cluster into a volume of its own: it is started there, and the original is never written to. */
export async function copyCluster(
  deps: Deps,
  prefix: string,
  image: string,
  { volume, folder }: OldCluster,
): Promise<void> {
  const copy = adoptionNames(prefix).volume;
  await removeOldCluster(deps, prefix);
  await deps.engine.dockerOutput(["volume", "create", copy]);
  // The files' owner has another number in other images; the lock is that of a container which is no more.
  const script = `set -e; cp -a --reflink=auto /old/${folder}/. /copy; rm -f /copy/postmaster.pid; chown -R postgres: /copy; chmod 0700 /copy`;
  await inVolumes(deps, image, [`${volume}:/old:ro`, `${copy}:/copy`], script);
  await inVolumes(
    deps,
    image,
    [`${copy}:/copy`],
    `printf '%s\\n' 'local all all trust' 'host all all 127.0.0.1/32 trust' >/copy/adoption_hba.conf`,
  );
  // Whatever its superuser is called: here it is `postgres`. Fails, and does no harm, where there is one of that name.
  const single = [
    "--user",
    "postgres",
    "--entrypoint",
    "postgres",
    image,
    "--single",
    "-D",
    "/copy",
    ...settings,
    "template1",
  ];
  await deps.engine.docker(["run", "--rm", "-i", "--network", "none", "--volume", `${copy}:/copy`, ...single], {
    input: "create role postgres superuser login;\n",
  });
}

/** What may not count of the old settings: libraries that this image lacks, files that are elsewhere, other hosts. */
const settings = Object.entries({
  hba_file: "/copy/adoption_hba.conf",
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "/var/run/postgresql",
  shared_preload_libraries: "",
  archive_mode: "off",
  ssl: "off",
  autovacuum: "off",
  max_wal_senders: "0",
}).flatMap(([name, value]) => ["-c", `${name}=${value}`]);

const startSeconds = 300;

/** Starts the copy, for reading, where nobody else reaches it. */
export async function startOldCluster(deps: Deps, prefix: string, image: string): Promise<void> {
  const { postgres, volume } = adoptionNames(prefix);
  await deps.engine.dockerOutput([
    ...["run", "--detach", "--name", postgres, "--network", "none", "--user", "postgres", "--shm-size", "256m"],
    ...["--volume", `${volume}:/copy`, "--entrypoint", "postgres", image, "-D", "/copy", ...settings],
    ...["-c", "default_transaction_read_only=on"],
  ]);
  const deadline = Date.now() + startSeconds * 1000;
  while ((await deps.engine.docker(["exec", postgres, "pg_isready", "-q", "-h", "127.0.0.1"])).exitCode !== 0) {
    const state = await deps.engine.inspectContainer(postgres);
    if (!state?.State.Running || Date.now() > deadline) {
      const log = (await deps.engine.lastLogLines(postgres, 15)).map((line) => `\n    ${line}`).join("");
      throw new UserError(`the old cluster does not start with ${image}:${log}`);
    }
    await sleep(200);
  }
}

/** Removes the copy and what runs on it. The original stays. */
export async function removeOldCluster(deps: Deps, prefix: string): Promise<void> {
  const { postgres, volume } = adoptionNames(prefix);
  await deps.engine.docker(["rm", "--force", "--volumes", postgres]);
  await deps.engine.docker(["volume", "rm", "--force", volume]);
}

/** The major version of the Postgres in an image. */
export async function majorOf(deps: Deps, image: string): Promise<number> {
  const text = await deps.engine.dockerOutput([
    "run",
    "--rm",
    "--network",
    "none",
    "--entrypoint",
    "postgres",
    image,
    "--version",
  ]);
  return Number(/(\d+)\.\d+/.exec(text)?.[1]);
}

function inVolumes(deps: Deps, image: string, volumes: readonly string[], script: string): Promise<string> {
  const mounts = volumes.flatMap((volume) => ["--volume", volume]);
  const run = ["run", "--rm", "--network", "none", "--user", "0:0", ...mounts];
  return deps.engine.dockerOutput([...run, "--entrypoint", "sh", image, "-c", script]);
}
