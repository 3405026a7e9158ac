/**
 * How much longer one project waits while another takes all it can get: a benchmark of isolation, not of speed.
 *
 * Runs on a separate stack and prints the Markdown table of docs/figures.md.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type LettaEndpoint, lettaFetch } from "../../infra/lib/letta/api.ts";
import { createAgent, say } from "../support/conversation.ts";
import { removeProjectsOf, removeProjectsOnInterrupt } from "../support/engine-objects.ts";
import { type ScriptedModel, startScriptedModel } from "../support/scripted-model.ts";
import { makeProject } from "../support/stacks.ts";
import { machine, median, secondsOf, show } from "./figures.ts";
import type { Noise as NoiseSettings } from "./noise.ts";

const rounds = 3;
const requests = 40;
const streams = 200;

/** A load that runs until it is stopped. */
interface Noise {
  stop(): Promise<void>;
}

async function main(): Promise<void> {
  removeProjectsOnInterrupt();
  const model = await startScriptedModel({ host: "0.0.0.0" });
  const project = await makeProject({ owner: process.pid, letta: { projects: ["thoth", "noisy", "quiet"] } });
  try {
    await project.up(project.letta);
    const noisy = await project.projectEndpoint("noisy");
    const quiet = await project.projectEndpoint("quiet");
    console.log(
      `${machine()}; 95th percentile of ${requests} requests, median of ${rounds} rounds (minimum to maximum)\n`,
    );
    console.log("| load by the other project | request | alone, s | under load, s | ratio |\n|---|---|---|---|---|");
    await compare(`${streams} concurrent streams, repeated`, () => streamAll(noisy, model), quiet, model);
    await compare("connections until it is refused", () => holdConnections(noisy), quiet, model);
  } finally {
    removeProjectsOf(process.pid);
    await model.close();
  }
}

/** In turns, so that a machine that gets slower counts for both. */
async function compare(what: string, begin: () => Promise<Noise>, quiet: LettaEndpoint, model: ScriptedModel) {
  const agent = await createAgent(quiet, model.port);
  const work: Record<string, () => Promise<unknown>> = {
    "list of agents": async () => (await lettaFetch(quiet, "GET", "/v1/agents/")).text(),
    "an agent's answer": () => say(quiet, agent, "hello"),
  };
  for (const [asked, ask] of Object.entries(work)) {
    await ask();
    const alone: number[] = [];
    const beside: number[] = [];
    for (let round = 0; round < rounds; round++) {
      alone.push(await slowest(ask));
      const noise = await begin();
      beside.push(await slowest(ask));
      await noise.stop();
    }
    const ratio = (median(beside) / median(alone)).toFixed(2);
    console.log(`| ${what} | ${asked} | ${show(alone, 3)} | ${show(beside, 3)} | ${ratio} |`);
  }
}

/** The 95th percentile, in seconds. */
async function slowest(ask: () => Promise<unknown>): Promise<number> {
  const seconds: number[] = [];
  for (let count = 0; count < requests; count++) seconds.push(await secondsOf(ask));
  return seconds.toSorted((first, second) => first - second)[Math.floor(requests * 0.95)] ?? Number.NaN;
}

async function streamAll({ url, password: token }: LettaEndpoint, model: ScriptedModel): Promise<Noise> {
  const agents = await Promise.all(Array.from({ length: 8 }, () => createAgent({ url, password: token }, model.port)));
  const told: NoiseSettings = { url, token, agents, streams };
  const noise = spawn(process.execPath, [join(import.meta.dirname, "noise.ts"), JSON.stringify(told)], {
    stdio: ["pipe", "inherit", "inherit"],
  });
  const exited = once(noise, "exit");
  return {
    stop: async () => {
      noise.stdin.end();
      const [code] = await exited;
      if (code !== 0) throw new Error(`the noise ended with exit code ${code}`);
    },
  };
}

/** Requests whose body never comes, each on a connection. */
async function holdConnections(noisy: LettaEndpoint): Promise<Noise> {
  const sockets: Socket[] = [];
  for (let isRefused = false; !isRefused && sockets.length < 1000; ) {
    const socket = connect(Number(new URL(noisy.url).port), new URL(noisy.url).hostname);
    sockets.push(socket);
    socket.on("error", () => {});
    socket.write(
      `POST /v1/blocks/ HTTP/1.1\r\nHost: letta\r\nAuthorization: Bearer ${noisy.password}\r\n` +
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n",
    );
    const answered = new Promise<boolean>((resolve) =>
      socket.once("data", (data) => resolve(`${data}`.includes(" 429 "))),
    );
    isRefused = await Promise.race([answered, sleep(20).then(() => false)]);
  }
  return {
    stop: async () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

await main();
