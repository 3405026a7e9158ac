/**
 * What Letta's server takes for its answers, as the stack starts it and as its own command does: of the same image, with
 * the same settings, on the same database.
 *
 * Runs on a separate stack and prints the Markdown table of docs/figures.md.
 */
import { randomBytes } from "node:crypto";
import { dockerOutput } from "../../infra/lib/docker/engine.ts";
import { type LettaEndpoint, lettaFetch } from "../../infra/lib/letta/api.ts";
import { createAgent, say, stream } from "../support/conversation.ts";
import { freePorts } from "../support/free-places.ts";
import { startScriptedModel } from "../support/scripted-model.ts";
import type { TestProject } from "../support/stacks.ts";
import { alternating, inPairs, printHead, ratios, secondsOf, show, untilHealthy, withProject } from "./figures.ts";

const model = await startScriptedModel({ host: "0.0.0.0" });

await withProject({}, async (project) => {
  await project.up(project.letta);
  const endpoints = { ours: await project.lettaEndpoint(), peer: await startPeer(project) };
  const agents = await Promise.all(Array.from({ length: 8 }, () => createAgent(endpoints.ours, model.port)));
  /** Each conversation has its turn after its last one, all of them side by side. */
  const sideBySide = (ask: (agent: string) => Promise<unknown>) => {
    const turns = async (agent: string) => {
      for (let turn = 0; turn < 5; turn++) await ask(agent);
    };
    return Promise.all(agents.map(turns));
  };
  const work: Record<string, (endpoint: LettaEndpoint) => Promise<unknown>> = {
    "100 lists of agents, one after the other": async (endpoint) => {
      for (let turn = 0; turn < 100; turn++) await (await lettaFetch(endpoint, "GET", "/v1/agents/")).text();
    },
    "40 answers, 8 at a time": (endpoint) => sideBySide((agent) => say(endpoint, agent, "hello")),
    "40 streamed answers, 8 at a time": (endpoint) =>
      sideBySide(async (agent) => {
        for await (const _ of stream(endpoint, agent, "a b c d e f g h"));
      }),
  };
  printHead(alternating, "", "seconds", "with its own command", "ratio");
  for (const [what, ask] of Object.entries(work)) {
    const timed = (endpoint: LettaEndpoint) => () => secondsOf(() => ask(endpoint));
    await ask(endpoints.ours);
    await ask(endpoints.peer);
    const { ours, peer } = await inPairs(timed(endpoints.ours), timed(endpoints.peer));
    console.log(`| ${what} | ${show(ours)} | ${show(peer)} | ${show(ratios(ours, peer), 2)} |`);
  }
  const { ours, peer } = await inPairs(
    started(`${project.letta}-server`, endpoints.ours),
    started(`${project.letta}-peer`, endpoints.peer),
  );
  console.log(`| a start, to its first answer | ${show(ours)} | ${show(peer)} | ${show(ratios(ours, peer), 2)} |`);
});
await model.close();

/** Kills a server, which is not timed, and starts it. */
function started(container: string, { url }: LettaEndpoint): () => Promise<number> {
  return async () => {
    await dockerOutput(["kill", container]);
    await dockerOutput(["wait", container]);
    return secondsOf(async () => {
      await dockerOutput(["start", container]);
      await untilHealthy(`${url}/v1/health/`);
    });
  };
}

/** A second server beside the stack's, without what the stack changes in it, and without Redis, which wants a password. */
async function startPeer(project: TestProject): Promise<LettaEndpoint> {
  const server = `${project.letta}-server`;
  const inspect = (format: string) => dockerOutput(["inspect", "--format", `{{json ${format}}}`, server]);
  const environment = (JSON.parse(await inspect(".Config.Env")) as string[]).filter(
    (variable) => !/^(LETTA_REDIS_|LETTA_PG_URI|HOME)/.test(variable),
  );
  const { database } = JSON.parse(await dockerOutput(["exec", server, "cat", "/run/credentials/letta.json"]));
  const [port] = await freePorts(1);
  const password = randomBytes(16).toString("hex");
  const uri = `postgresql://${database.user}:${database.password}@letta-postgres:5432/letta`;
  const own = ["HOME=/tmp", `LETTA_PG_URI=${uri}`, `LETTA_SERVER_PASSWORD=${password}`];
  await dockerOutput([
    ...["run", "--detach", `--name=${project.letta}-peer`, `--network=${project.letta}-network`],
    ...[`--publish=127.0.0.1:${port}:8283`, "--add-host=host.docker.internal:host-gateway"],
    ...[...environment, ...own].flatMap((variable) => ["--env", variable]),
    JSON.parse(await inspect(".Config.Image")) as string,
    ..."letta server --host 0.0.0.0 --port 8283".split(" "),
  ]);
  const url = `http://127.0.0.1:${port}`;
  await untilHealthy(`${url}/v1/health/`);
  return { url, password };
}
