import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { paths, type ServiceKind } from "./contract.ts";

/** How long a service may take to answer, in milliseconds. */
const patience = 8000;
/** Age at which what a service writes every 15 s counts as its silence. */
const freshSeconds = 50;

/** Services that are asked; Postgres tells by its answers to other questions. */
export type Asked = Exclude<ServiceKind, "postgres">;

const questions: Readonly<Record<Asked, () => Promise<void>>> = {
  redis: askRedis,
  // Both of its ports, which separate processes serve.
  server: () => all("http://letta-server:8283/v1/health/", "http://letta-server:8285/v1/health/"),
  gateway: () => all("http://letta-nginx:8284/nginx-health"),
  model: () => all("http://letta-model:8080/health", "http://letta-model:8081/health"),
  backup: () => requireFresh("backup"),
  drill: () => requireFresh("drill"),
  page: async () => {},
};

/** Asks a service as its own health check does. @throws when it does not work, with the reason */
export const ask = (service: Asked): Promise<void> => questions[service]();

async function all(...urls: string[]): Promise<void> {
  await Promise.all(
    urls.map(async (url) => {
      const { status, body } = await fetch(url, { signal: AbortSignal.timeout(patience) });
      await body?.cancel();
      if (status !== 200) throw new Error(`it answers ${status}`);
    }),
  );
}

/** Redis has a user that needs no password and may do nothing but this. */
function askRedis(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(6379, "letta-redis", () => socket.write("AUTH health none\r\nPING\r\n"));
    let answer = "";
    socket.setTimeout(patience, () => socket.destroy(new Error("it does not answer")));
    socket.on("data", (data) => {
      answer += data;
      if (/\+PONG\r\n/.test(answer)) resolve();
      if (/\+PONG|^-/m.test(answer)) socket.end();
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("it does not answer")));
  });
}

/** The backup's containers have no network: a file tells that they work. */
async function requireFresh(name: string): Promise<void> {
  const { at, problem } = JSON.parse(await readFile(join(paths.status, `${name}.json`), "utf8"));
  const age = (Date.now() - Date.parse(at)) / 1000;
  if (age > freshSeconds) throw new Error(`it has said nothing for ${Math.round(age)} s`);
  if (problem) throw new Error(problem);
}

/** Requests that the gateway is answering at the moment, without this question. */
export async function openRequests(): Promise<number> {
  const answer = await fetch("http://letta-nginx:8284/nginx-status", { signal: AbortSignal.timeout(patience) });
  const writing = /Writing: (\d+)/.exec(await answer.text())?.[1];
  if (writing === undefined) throw new Error("the gateway tells no numbers");
  return Math.max(0, Number(writing) - 1);
}

/** Why something failed, for a person: without the noise of a system call. */
export function reason(error: unknown): string {
  const { message, code, cause, name } = error as Error & { code?: string; cause?: { code?: string } };
  if (name === "TimeoutError") return "it does not answer";
  const known: Readonly<Record<string, string>> = {
    ECONNREFUSED: "nothing listens",
    ENOTFOUND: "it does not run",
    EAI_AGAIN: "it does not run",
    EHOSTUNREACH: "it does not run",
    ENOENT: "it has said nothing yet",
  };
  return known[cause?.code ?? code ?? ""] ?? message;
}
