/**
 * Asks for streams on 200 connections, again and again, until its standard input ends: the part of noisy-neighbour.ts that
 * is a separate process, so that the measurement does not wait for it.
 */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

/** Told as JSON in the first argument. */
export interface Noise {
  readonly url: string;
  readonly token: string;
  readonly agents: readonly string[];
  readonly streams: number;
}

const { url, token, agents, streams }: Noise = JSON.parse(process.argv[2] ?? "");
const body = JSON.stringify({ messages: [{ role: "user", content: "a b c d e f g h" }], stream_tokens: true });
let isOver = false;

async function client(index: number): Promise<void> {
  while (!isOver) {
    const response = await fetch(`${url}/v1/agents/${agents[index % agents.length]}/messages/stream`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body,
    });
    await response.text();
    // As Retry-After asks.
    if (response.status === 429) await sleep(1000);
  }
}

const clients = Array.from({ length: streams }, (_, index) => client(index));
await once(process.stdin.resume(), "end");
isOver = true;
await Promise.all(clients);
