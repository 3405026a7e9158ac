import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../../infra/lib/errors.ts";
import { launcherFiles, readImageFile } from "../../infra/lib/image-files.ts";
import type { LettaEndpoint } from "../../infra/lib/letta/api.ts";
import { scramVerifier } from "../../infra/lib/postgres/connect.ts";
import { agentPaths } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import { literal, psql } from "../lib/psql.ts";
import type { LettaStack } from "../lib/stacks.ts";
import type { UpgradeSite } from "./site.ts";

/** Docker names of all that a rehearsal makes, from the stack's prefix. */
export function rehearsalNames(prefix: string) {
  const start = `${prefix}-rehearsal`;
  return {
    volume: start,
    restore: start,
    postgres: `${start}-postgres`,
    redis: `${start}-redis`,
    server: `${start}-server`,
    migration: `${start}-migration`,
  } as const;
}

/** Removes whatever a rehearsal made, also one that was killed. Its volume is a copy, and marked as one by its name. */
export async function removeRehearsal(deps: Deps, prefix: string): Promise<void> {
  const { volume, ...containers } = rehearsalNames(prefix);
  // What shares the network of another goes first.
  await deps.engine.docker(["rm", "--force", "--volumes", ...new Set(Object.values(containers).toReversed())]);
  await deps.engine.docker(["volume", "rm", "--force", volume]);
}

/** A new version imports its code for the first time here, maybe beside much other work. */
const startSeconds = 300;

/** Settings of a Postgres that nobody is to reach but what shares its network, and that must not touch the repository. */
const postgresSettings = {
  listen_addresses: "127.0.0.1",
  // A migration may ask for it; the tests do.
  cluster_name: "rehearsal",
  archive_mode: "off",
  max_connections: "100",
  shared_buffers: "128MB",
  ssl: "on",
  ssl_cert_file: "/tmp/tls/server.pem",
  ssl_key_file: "/tmp/tls/server.pem",
};

/** Letta asks for TLS, as of the stack's own Postgres: makes a certificate, then becomes the image's entrypoint. */
const withCertificate =
  'setpriv --reuid=postgres --regid=postgres --init-groups -- env PGDATA=/tmp/pgdata bash -c "$0" certificate once' +
  ' && exec docker-entrypoint.sh "$@"';

/** Starts a Postgres on the rehearsal's volume; on an empty one it makes a cluster. */
export async function startCopy(deps: Deps, { prefix, letta }: UpgradeSite, image: string): Promise<void> {
  const { postgres, volume } = rehearsalNames(prefix);
  await deps.engine.dockerOutput([
    ...["run", "--detach", "--name", postgres],
    // On the stack's network, so that the server which shares it reaches the models that are there.
    ...["--network", letta.network.name, "--add-host", "host.docker.internal:host-gateway"],
    ...["--publish", "127.0.0.1::8283", "--shm-size", "256m"],
    ...["--volume", `${volume}:${agentPaths.cluster}`],
    ...["--env", `PGDATA=${agentPaths.cluster}/pgdata`, "--env", "POSTGRES_HOST_AUTH_METHOD=trust"],
    ...[
      "--entrypoint",
      "bash",
      image,
      "-c",
      withCertificate,
      readImageFile("postgres/uploads/certificate.sh"),
      "postgres",
    ],
    ...Object.entries(postgresSettings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ]);
  // Over TCP: a first start runs a server on the socket alone, which is not the one to wait for.
  const question = ["exec", postgres, "pg_isready", "-q", "-h", "127.0.0.1", "-U", "postgres"];
  await waitFor(deps, postgres, async () => (await deps.engine.docker(question)).exitCode === 0);
}

/** Starts Redis and a Letta server of another version on the copy, with all that the stack's own server is told. */
export async function startServer(deps: Deps, site: UpgradeSite, image: string): Promise<LettaEndpoint> {
  const { redis, server, postgres } = rehearsalNames(site.prefix);
  const shared = ["--network", `container:${postgres}`];
  const redisImage = (await deps.engine.inspectContainer(site.names.redis))?.Config.Image ?? "";
  const redisCommand = ["redis-server", "--bind", "127.0.0.1", "--save", ""];
  await deps.engine.dockerOutput(["run", "--detach", "--name", redis, ...shared, redisImage, ...redisCommand]);
  const env = (await ownEnvironment(deps, site.names.server)).flatMap((pair) => ["--env", pair]);
  const command = ["--entrypoint", "sh", image, "-c", waitForFiles];
  await deps.engine.dockerOutput(["run", "--detach", "--name", server, ...shared, ...env, ...command]);
  await handOver(deps, site, server);
  const published = (await deps.engine.dockerOutput(["port", postgres, "8283/tcp"])).split("\n")[0];
  const endpoint = { url: `http://${published}`, password: site.letta.serverPassword };
  await waitFor(deps, server, async () => (await fetch(`${endpoint.url}/v1/health/`)).ok);
  return endpoint;
}

const folder = "/run/thoth-letta";
/** Secrets are neither in the container's environment nor in its arguments, both of which `docker inspect` shows. */
const waitForFiles = `until [ -f ${folder}/ready ]; do sleep 0.1; done; set -a; . ${folder}/secrets.env; set +a; exec python3 ${folder}/serve.py`;

async function handOver(deps: Deps, site: UpgradeSite, server: string): Promise<void> {
  const secrets = await deps.engine.dockerOutput(["exec", site.names.server, "cat", `${folder}/secrets.env`]);
  const own = [`LETTA_PG_URI=${copyPlace}`, "LETTA_REDIS_HOST=127.0.0.1", "LETTA_REDIS_PORT=6379"];
  const write = (path: string, input: string) =>
    deps.engine.dockerOutput(
      ["exec", "-i", server, "sh", "-c", `umask 077; mkdir -p "\${1%/*}"; cat >"$1"`, "write", path],
      { input },
    );
  await write(`${folder}/secrets.env`, `${secrets}\n${own.join("\n")}\n`);
  await write("/run/credentials/letta.json", JSON.stringify(credentials(site)));
  for (const [file, text] of Object.entries(launcherFiles())) await write(`${folder}/${file}`, text);
  await write(`${folder}/ready`, "");
}

/** What the server logs in with, and what it is asked with. Redis here asks nobody who he is. */
function credentials({ letta }: UpgradeSite) {
  return {
    serverPasswords: [letta.serverPassword],
    database: { user: "letta", password: copyPassword(letta) },
    redis: { username: "default", password: "any" },
  };
}

const copyPlace = "postgresql://127.0.0.1:5432/letta";

/** Letta's database in the copy, as what shares the copy's network reaches it: as the role that owns it. */
export function copyUrl({ letta }: UpgradeSite): string {
  return copyPlace.replace("//", `//letta:${copyPassword(letta)}@`);
}

/** Lets the owner of Letta's database log in to the copy, whichever of the two roles does so in the original. */
export async function openCopy(deps: Deps, { prefix, letta }: UpgradeSite): Promise<void> {
  const password = literal(scramVerifier(copyPassword(letta)));
  await psql(deps, rehearsalNames(prefix).postgres, `alter role letta with login password ${password}`);
}

function copyPassword({ hostDatabaseUrl }: LettaStack): string {
  return new URL(hostDatabaseUrl).password;
}

/** What the stack gave a container's environment: all but what its image has. */
async function ownEnvironment(deps: Deps, container: string): Promise<string[]> {
  const read = async (kind: "container" | "image", name: string) =>
    JSON.parse(await deps.engine.dockerOutput([kind, "inspect", "--format", "{{json .Config.Env}}", name])) as string[];
  const image = (await deps.engine.inspectContainer(container))?.Config.Image ?? "";
  const ofImage = new Set(await read("image", image));
  return (await read("container", container)).filter((pair) => !ofImage.has(pair));
}

async function waitFor(deps: Deps, container: string, isReady: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + startSeconds * 1000;
  while (!(await isReady().catch(() => false))) {
    const state = await deps.engine.inspectContainer(container);
    if (state?.State.Running && Date.now() < deadline) {
      await sleep(200);
      continue;
    }
    const log = (await deps.engine.lastLogLines(container, 15)).map((line) => `\n    ${line}`).join("");
    const what = state?.State.Running ? `does not answer after ${startSeconds} s` : "stopped";
    throw new UserError(`${container} ${what}; the last lines of its log:${log}`);
  }
}
