import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, onTestFailed, test } from "vitest";
import { postgresFiles, postgresSettings } from "../../infra/components/postgres-settings.ts";
import { parseLettaConfig } from "../../infra/config/letta.ts";
import { docker, dockerOutput, lastLogLines } from "../../infra/lib/docker/engine.ts";
import { root } from "../../scripts/lib/checkout.ts";
import { removeProject } from "../support/engine-objects.ts";
import { ownPrefix, ownProject } from "../support/shared-stacks.ts";
import { postgresImage } from "../support/stacks.ts";

/** Postgres alone, as its container starts it, on volumes whose first start did not go well. */

const container = `${ownPrefix()}-first-start`;
const data = "/var/lib/postgresql/data";
const folder = mkdtempSync(join(tmpdir(), "thoth-letta-first-start-"));
/** A script of the first start that does not end. */
const slowScript = join(folder, "slow.sh");
writeFileSync(slowScript, 'if [ -e "$CLUSTER_VOLUME/be-slow" ]; then echo "slow script"; sleep 600; fi\n');
const image = postgresImage();
afterEach(async () => {
  await docker(["rm", "--force", container]);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A volume on which these commands were run. */
async function volumeOf(name: string, commands: string): Promise<string> {
  const volume = `${container}-${name}`;
  await inVolume(volume, commands);
  return volume;
}

async function inVolume(volume: string, commands: string): Promise<string> {
  const place = ["--volume", `${volume}:${data}`, "--workdir", data, "--entrypoint", "bash"];
  return (await dockerOutput(["run", "--rm", "--network", "none", ...place, image, "-ec", commands])).trim();
}

const isPublished = (entrypoint: string) => entrypoint === "the published image";
const files = (entrypoint: string): Record<string, string> => ({
  ...Object.fromEntries(Object.entries(postgresFiles).map(([path, file]) => [path, `images/postgres/uploads/${file}`])),
  ...(isPublished(entrypoint) ? { "/usr/local/bin/docker-entrypoint.sh": "test/support/published-entrypoint.sh" } : {}),
});

/** Arguments of a container of Postgres on this volume, for the guard with this command. */
function guarded(
  volume: string,
  entrypoint: string,
  command: readonly string[],
  flags: readonly string[] = [],
): string[] {
  const mounts = Object.entries(files(entrypoint)).map(([path, file]) => `${join(root, file)}:${path}:ro`);
  const all = [`${volume}:${data}`, `${slowScript}:/docker-entrypoint-initdb.d/slow.sh:ro`, ...mounts];
  return [
    ...["run", "--name", container, "--network", "none", ...flags, "--entrypoint", "bash"],
    ...["--env", `PGDATA=${data}/pgdata`],
    ...["--env", "POSTGRES_LOCK_WAIT_SECONDS=5", ...all.flatMap((mount) => ["--volume", mount])],
    ...[image, "/usr/local/bin/postgres-guard", ...command],
  ];
}

const refused = (volume: string, entrypoint = "our image") =>
  docker(guarded(volume, entrypoint, ["postgres"], ["--rm"]));

/** Starts Postgres and waits until it answers. */
async function serves(volume: string, entrypoint: string): Promise<void> {
  onTestFailed(async () => console.log((await lastLogLines(container, 20)).join("\n")));
  const settings = postgresSettings(parseLettaConfig({ backup: { enabled: false } }, "letta"));
  await dockerOutput(guarded(volume, entrypoint, ["postgres", ...settings], ["--detach"]));
  const isReady = async () => (await docker(["exec", container, "pg_isready", "-q", "-h", "127.0.0.1"])).exitCode;
  await expect.poll(isReady, { timeout: 120_000, interval: 100 }).toBe(0);
}

/** Starts Postgres for the first time and kills it before the last of that start's steps. */
async function killedFirstStart(volume: string, entrypoint: string): Promise<void> {
  await inVolume(volume, "touch be-slow");
  await dockerOutput(guarded(volume, entrypoint, ["postgres"], ["--detach"]));
  const log = async () => (await lastLogLines(container, 200)).join("\n");
  await expect.poll(log, { timeout: 120_000, interval: 100 }).toContain("slow script");
  await dockerOutput(["kill", container]);
  await dockerOutput(["rm", container]);
  await inVolume(volume, "rm be-slow");
}

const marks = (volume: string) => inVolume(volume, "ls -A | grep '^.initialis' | xargs");

describe.each(["our image", "the published image"])("a first start of %s", (entrypoint) => {
  const volume = `${container}-${isPublished(entrypoint) ? "published" : "ours"}`;

  test("that was killed is repeated, or refused", async () => {
    await killedFirstStart(volume, entrypoint);
    expect(await marks(volume)).toBe(".initialising");
    if (!isPublished(entrypoint)) return;
    const { exitCode, stderr } = await refused(volume, entrypoint);
    expect(stderr).toBe(`REFUSED: ${data}/pgdata was left half-made by an interrupted first start\n`);
    expect(exitCode).toBe(76);
    const { stdout } = await docker(guarded(volume, entrypoint, ["set-aside"], ["--rm"]));
    expect(stdout).toMatch(/^\/var\/lib\/postgresql\/data\/pgdata\.half-made\.\d{8}T\d{6}Z\n$/);
    expect(await inVolume(volume, "cat pgdata.half-made.*/PG_VERSION")).toBe("17");
  });

  test("ends with a mark, and its cluster is never set aside", async () => {
    await serves(volume, entrypoint);
    expect(await marks(volume)).toBe(".initialised");
    await dockerOutput(["rm", "--force", container]);
    const { exitCode, stderr } = await docker(guarded(volume, entrypoint, ["set-aside"], ["--rm"]));
    expect(stderr).toContain("is not left over from an interrupted first start: nothing was changed");
    expect(exitCode).toBe(76);
    await serves(volume, entrypoint);
  });

  test("long ago, before there were marks, counts as finished", async () => {
    await inVolume(volume, "rm .initialised");
    await serves(volume, entrypoint);
    expect(await marks(volume)).toBe("");
  });
});

test("a cluster at the root of the volume, as compose files make one, is refused and stays as it is", async () => {
  const volume = await volumeOf("root", "echo 16 >PG_VERSION; mkdir base");
  const before = await inVolume(volume, "find . -type f | sort | xargs sha256sum");
  const { exitCode, stderr } = await refused(volume);
  expect(stderr).toContain(`REFUSED: ${data} has a cluster at its root`);
  expect(exitCode).toBe(76);
  expect(await inVolume(volume, "find . -type f | sort | xargs sha256sum")).toBe(before);
  expect(await inVolume(volume, "LC_ALL=C ls -A | xargs")).toBe("PG_VERSION base");
});

test("the backup reaches Postgres through a volume that it cannot write, without a network", async () => {
  const volume = `${container}-ours`;
  await serves(volume, "our image");
  const readOnly = ["--volume", `${volume}:${data}:ro`, "--user", "postgres", "--entrypoint", "psql"];
  const query = ["-h", `${data}/run`, "-U", "postgres", "-tAc", "select 'reached'"];
  expect(await dockerOutput(["run", "--rm", "--network", "none", ...readOnly, image, ...query])).toBe("reached\n");
});

test("a stack whose first start was interrupted says what fixes it, and then it does", async () => {
  const project = await ownProject({ letta: { backup: { enabled: false } } });
  const volume = `${project.letta}-postgres`;
  await inVolume(volume, "touch .initialising; mkdir pgdata; echo 17 >pgdata/PG_VERSION");
  const { exitCode, output } = await project.command(["letta", "start"]);
  expect(exitCode).toBe(1);
  expect(output).toContain(`${volume} stopped instead of answering`);
  expect(output).toContain("likely cause: its first start was interrupted: `make letta-reinit`");

  const reinit = await project.command(["letta", "reinit"]);
  expect(reinit.output).toMatch(/^set aside in volume \S+: \S+\/pgdata\.half-made\.\S+; next: make letta-start\n$/);
  expect(reinit.exitCode).toBe(0);
  const isReady = async () => (await docker(["exec", volume, "pg_isready", "-q", "-h", "127.0.0.1"])).exitCode;
  // Docker's restarts of a container that ends at once are ever further apart.
  await dockerOutput(["restart", volume]);
  await expect.poll(isReady, { timeout: 120_000, interval: 200 }).toBe(0);
  const again = await project.command(["letta", "reinit"]);
  expect(again.output).toContain("another Postgres holds");
  expect(again.exitCode).toBe(1);
  removeProject(project.suffix);
});
