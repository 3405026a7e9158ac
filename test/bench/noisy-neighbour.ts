/**
 * How much longer one project waits while another takes all it can get: a benchmark of isolation, not of speed.
 *
 * Runs on a separate stack and prints the Markdown table of docs/figures.md.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type LettaEndpoint, lettaFetch } from "../../infra/lib/letta/api.ts";
import { createAgent, say } from "../support/conversation.ts";
import { type ScriptedModel, startScriptedModel } from "../support/scripted-model.ts";
import { median, printHead, secondsOf, show, withProject } from "./figures.ts";

const rounds = 3;
const requests = 40;
const streams = 200;

/** A load that runs until it is stopped. */
interface Noise {
  stop(): Promise<void>;
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
  // A separate process, so that the measurement does not wait for it.
  const command = [import.meta.filename, JSON.stringify({ url, token, agents })];
  const noise = spawn(process.execPath, command, { stdio: ["pipe", "pipe", "inherit"] });
  await once(noise.stdout, "data");
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

/** Asks for streams on 200 connections, again and again, until its standard input ends. */
async function makeNoise(url: string, token: string, agents: readonly string[]): Promise<void> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const body = JSON.stringify({ messages: [{ role: "user", content: "a b c d e f g h" }], stream_tokens: true });
  let isOver = false;
  const client = async (agent: string | undefined) => {
    while (!isOver) {
      const response = await fetch(`${url}/v1/agents/${agent}/messages/stream`, { method: "POST", headers, body });
      await response.text();
      // As Retry-After asks.
      if (response.status === 429) await sleep(1000);
    }
  };
  const clients = Array.from({ length: streams }, (_, index) => client(agents[index % agents.length]));
  console.log("begun");
  await once(process.stdin.resume(), "end");
  isOver = true;
  await Promise.all(clients);
}

const [load] = process.argv.slice(2);
if (load === undefined) {
  const model = await startScriptedModel({ host: "0.0.0.0" });
  await withProject({ projects: ["thoth", "noisy", "quiet"] }, async (project) => {
    await project.up(project.letta);
    const noisy = await project.projectEndpoint("noisy");
    const quiet = await project.projectEndpoint("quiet");
    const how = `95th percentile of ${requests} requests, median of ${rounds} rounds`;
    printHead(how, "load by the other project", "request", "alone, s", "under load, s", "ratio");
    await compare(`${streams} concurrent streams, repeated`, () => streamAll(noisy, model), quiet, model);
    await compare("connections until it is refused", () => holdConnections(noisy), quiet, model);
  });
  await model.close();
} else {
  const { url, token, agents } = JSON.parse(load);
  await makeNoise(url, token, agents);
}
