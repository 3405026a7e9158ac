/**
 * How long starts take, compared with docker-compose, the same images and a compose file of the kind in circulation.
 *
 * Runs on separate stacks and prints the Markdown table of docs/figures.md.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { localFile } from "../../infra/lib/images.ts";
import { root } from "../../scripts/lib/checkout.ts";
import { removeProjectsOf, removeProjectsOnInterrupt } from "../support/engine-objects.ts";
import { freePorts } from "../support/free-places.ts";
import { makeProject, succeeded } from "../support/stacks.ts";
import { machine, median, secondsOf, show, untilHealthy } from "./figures.ts";

const rounds = 3;
const coldStart = "letta stack, images present, no volumes: to its probe";
const nothingToDo = "letta stack again, nothing to do";
const run = promisify(execFile);

interface Figure {
  readonly what: string;
  readonly seconds: number[];
}

async function main(): Promise<void> {
  removeProjectsOnInterrupt();
  const peer = await measurePeer();
  const figures = new Map<string, number[]>();
  for (let round = 0; round < rounds; round++) await measureStacks(figures);
  const ours = [...figures].map(([what, seconds]) => ({ what, seconds }));
  print(ours, peer);
}

/** One round, from a project that has never been up. */
async function measureStacks(figures: Map<string, number[]>): Promise<void> {
  const project = await makeProject({ owner: process.pid });
  const measure = async (what: string, work: () => Promise<unknown>) => {
    figures.set(what, [...(figures.get(what) ?? []), await secondsOf(work)]);
  };
  const command = async (...args: string[]) => succeeded(await project.command(args));
  try {
    await measure(coldStart, () => project.up(project.letta));
    await measure("thoth stack on it: to all four roles", () => project.up(project.thoth));
    await measure(nothingToDo, () => project.up(project.letta));
    await measure("thoth stack again, nothing to do", () => project.up(project.thoth));
    await measure("thoth: destroy and up", async () => {
      succeeded(await project.pulumi(["destroy", "--yes", "--skip-preview", "--stack", project.thoth]));
      await project.up(project.thoth);
    });
    await measure("status of both stacks", () => command("status"));
    await command("thoth", "stop");
    await measure("letta-stop", () => command("letta", "stop", "--yes"));
    await measure("letta-start after it", () => command("letta", "start"));
    await command("down");
    await measure("both stacks again after make down", () => command("thoth", "start", "--yes"));
  } finally {
    removeProjectsOf(process.pid);
  }
}

async function measurePeer(): Promise<Figure[]> {
  await requireCompose();
  const [port] = await freePorts(1);
  const images = JSON.parse(readFileSync(join(root, localFile), "utf8")) as Record<string, string>;
  const env = {
    ...process.env,
    COMPOSE_PROJECT_NAME: `letta-bench-${process.pid}`,
    POSTGRES_IMAGE: images.postgres,
    REDIS_IMAGE: images.redis,
    LETTA_IMAGE: images.letta,
    NGINX_IMAGE: images.nginx,
    GATEWAY_PORT: String(port),
  };
  const compose = (...args: string[]) =>
    run("docker-compose", args, { cwd: join(import.meta.dirname, "compose"), env });
  const cold: number[] = [];
  const again: number[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      cold.push(
        await secondsOf(async () => {
          await compose("up", "-d");
          await untilHealthy(`http://127.0.0.1:${port}/v1/health/`);
        }),
      );
      again.push(await secondsOf(() => compose("up", "-d")));
      await compose("down", "--volumes");
    }
  } finally {
    await compose("down", "--volumes");
  }
  return [
    { what: coldStart, seconds: cold },
    { what: nothingToDo, seconds: again },
  ];
}

async function requireCompose(): Promise<void> {
  try {
    await run("docker-compose", ["version"]);
  } catch {
    console.error("installing docker-compose, the peer");
    await run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "docker-compose"]);
  }
}

function print(ours: readonly Figure[], peer: readonly Figure[]): void {
  console.log(`${machine()}; median of ${rounds} rounds (minimum to maximum)\n`);
  console.log("| | seconds | docker-compose, same images | ratio |\n|---|---|---|---|");
  for (const { what, seconds } of ours) {
    const other = peer.find((figure) => figure.what === what)?.seconds;
    const ratio = other === undefined ? "" : (median(seconds) / median(other)).toFixed(2);
    console.log(`| ${what} | ${show(seconds)} | ${other === undefined ? "" : show(other)} | ${ratio} |`);
  }
}

await main();
