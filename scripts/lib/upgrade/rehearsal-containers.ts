import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../../../infra/lib/errors.ts";
import type { LettaEndpoint } from "../../../infra/lib/letta-api.ts";
import { serverFiles } from "../../../infra/lib/letta-files.ts";
import { agentPaths } from "../agent-stack.ts";
import type { Deps } from "../deps.ts";
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
};

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
    ...["--entrypoint", "docker-entrypoint.sh", image, "postgres"],
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
  const own = [`LETTA_PG_URI='${copyUrl(site)}?ssl=disable'`, "LETTA_REDIS_HOST=127.0.0.1", "LETTA_REDIS_PORT=6379"];
  const write = (name: string, input: string) =>
    deps.engine.dockerOutput(
      ["exec", "-i", server, "sh", "-c", `umask 077; mkdir -p ${folder}; cat >${folder}/${name}`],
      { input },
    );
  await write("secrets.env", `${secrets}\n${own.join("\n")}\n`);
  for (const file of serverFiles) await write(file, await containerFile(`letta/${file}`));
  await write("ready", "");
}

const containerFile = (name: string) => readFile(new URL(`../../../infra/containers/${name}`, import.meta.url), "utf8");

/** Letta's database in the copy, as what shares the copy's network reaches it. */
export function copyUrl({ letta }: UpgradeSite): string {
  const { username, password } = new URL(letta.hostDatabaseUrls.letta ?? "");
  return `postgresql://${username}:${password}@127.0.0.1:5432/letta`;
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
