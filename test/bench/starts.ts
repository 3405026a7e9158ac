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
import { freePorts } from "../support/free-places.ts";
import { succeeded } from "../support/stacks.ts";
import { median, printHead, secondsOf, show, untilHealthy, withProject } from "./figures.ts";

const rounds = 3;
const coldStart = "letta stack, images present, no volumes: to its probe";
const nothingToDo = "letta-start, nothing to do";
const restart = "thoth-restart (peer: docker restart of the same containers)";
const run = promisify(execFile);

/** What was measured -> seconds of each round. */
type Figures = Map<string, number[]>;

/** One round, from a project that has never been up. */
async function measureStacks(figures: Figures, peer: Figures): Promise<void> {
  await withProject({}, async (project) => {
    const measure = async (what: string, work: () => Promise<unknown>, into = figures) => {
      into.set(what, [...(into.get(what) ?? []), await secondsOf(work)]);
    };
    const command = async (...args: string[]) => succeeded(await project.command(args));
    await measure(coldStart, () => project.up(project.letta));
    await measure("thoth stack on it: to all four roles", () => project.up(project.thoth));
    await measure("pulumi up of letta, nothing to do", () => project.up(project.letta));
    await measure("pulumi up of thoth, nothing to do", () => project.up(project.thoth));
    // The first start after Pulumi was run by hand is an update.
    await command("letta", "start");
    await command("thoth", "start");
    await measure(nothingToDo, () => command("letta", "start"));
    await measure("make up, nothing to do", () => command("up"));
    await measure(restart, () => command("thoth", "restart"));
    const { containers } = await project.thothOutputs();
    await measure(restart, () => run("docker", ["restart", ...containers]), peer);
    await command("thoth", "start");
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
  });
}

async function measurePeer(): Promise<Figures> {
  await requireCompose();
  const [port] = await freePorts(1);
  const images = JSON.parse(readFileSync(join(root, localFile), "utf8")) as Record<string, string>;
  const names = ["postgres", "redis", "letta", "nginx"];
  const references = names.map((name) => [`${name.toUpperCase()}_IMAGE`, images[name]]);
  const own = { COMPOSE_PROJECT_NAME: `letta-bench-${process.pid}`, GATEWAY_PORT: String(port) };
  const options = {
    cwd: join(import.meta.dirname, "compose"),
    env: { ...process.env, ...own, ...Object.fromEntries(references) },
  };
  const compose = (...args: string[]) => run("docker-compose", args, options);
  const cold: number[] = [];
  const again: number[] = [];
  const start = async () => {
    await compose("up", "-d");
    await untilHealthy(`http://127.0.0.1:${port}/v1/health/`);
  };
  try {
    for (let round = 0; round < rounds; round++) {
      cold.push(await secondsOf(start));
      again.push(await secondsOf(() => compose("up", "-d")));
      await compose("down", "--volumes");
    }
  } finally {
    await compose("down", "--volumes");
  }
  return new Map([
    [coldStart, cold],
    [nothingToDo, again],
  ]);
}

async function requireCompose(): Promise<void> {
  try {
    await run("docker-compose", ["version"]);
  } catch {
    console.error("installing docker-compose, the peer");
    await run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "docker-compose"]);
  }
}

const peer = await measurePeer();
const figures: Figures = new Map();
for (let round = 0; round < rounds; round++) await measureStacks(figures, peer);
printHead(`median of ${rounds} rounds`, "", "seconds", "peer: docker-compose, same images", "ratio");
for (const [what, seconds] of figures) {
  const other = peer.get(what);
  const compared = other === undefined ? " | " : `${show(other)} | ${(median(seconds) / median(other)).toFixed(2)}`;
  console.log(`| ${what} | ${show(seconds)} | ${compared} |`);
}
