import { execFile } from "node:child_process";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import { withEnvironment } from "./temporary.ts";

/**
 * A stand-in for the engine's API until the running test ends: each question goes to the fake `docker` of this folder in
 * the words of the CLI, so that one table answers both. What has no such words goes as it is, e.g. `GET /networks`.
 */
export function fakeEngine(folder: string): void {
  const socket = join(folder, "engine.sock");
  const server = createServer((request, response) => void answer(join(folder, "docker"), request, response));
  server.listen(socket);
  withEnvironment({ DOCKER_HOST: `unix://${socket}` });
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
}

interface Said {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What one question is in the CLI's words, and how its answer reads over the API. */
interface Translation {
  readonly words: readonly string[];
  readonly toJson?: (stdout: string) => unknown;
}

/** What a started command prints and how it ends is asked for one after the other. */
const executions = new Map<string, readonly string[] | Said>();

async function answer(docker: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await text(request);
  const path = decodeURIComponent(request.url ?? "");
  const say = (status: number, value: unknown) => response.writeHead(status).end(JSON.stringify(value));
  const started = /^\/exec\/(\w+)\/(start|json)$/.exec(path);
  if (started !== null) return answerExec(docker, started[1] ?? "", started[2] ?? "", response);
  const exec = /^\/containers\/(.+)\/exec$/.exec(path);
  if (exec !== null) {
    const id = String(executions.size);
    executions.set(id, ["exec", exec[1] ?? "", ...(JSON.parse(body) as { Cmd: string[] }).Cmd]);
    return void say(201, { Id: id });
  }
  const { words, toJson = JSON.parse } = translate(request.method ?? "", path);
  const { exitCode, stdout, stderr } = await run(docker, words);
  if (/cannot connect/i.test(stderr)) return void request.socket.destroy();
  if (exitCode === 0) return void say(200, stdout === "" && words[0] !== "ps" ? {} : toJson(stdout));
  const isMissing = /no such|not found/i.test(stderr) || stderr === "";
  say(isMissing ? 404 : 500, { message: stderr.trim() });
}

async function answerExec(docker: string, id: string, what: string, response: ServerResponse): Promise<void> {
  if (what === "json") {
    response.end(JSON.stringify({ ExitCode: (executions.get(id) as Said).exitCode }));
    return;
  }
  const said = await run(docker, executions.get(id) as readonly string[]);
  executions.set(id, said);
  response.end(Buffer.concat([frame(1, said.stdout), frame(2, said.stderr)]));
}

function frame(stream: number, output: string): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt8(stream, 0);
  head.writeUInt32BE(Buffer.byteLength(output), 4);
  return output === "" ? Buffer.alloc(0) : Buffer.concat([head, Buffer.from(output)]);
}

const first = (stdout: string) => (JSON.parse(stdout) as unknown[])[0];

function translate(method: string, path: string): Translation {
  const [, kind = "", name = "", what = ""] = /^\/(\w+)\/(.+?)(?:\/(json|start|restart|unpause))?$/.exec(path) ?? [];
  if (path === "/_ping") return { words: ["version"], toJson: () => "OK" };
  if (path.startsWith("/containers/json")) return listing(path);
  if (kind === "containers" && what === "json") return { words: ["container", "inspect", name], toJson: first };
  if (kind === "containers") return { words: [what, name], toJson: () => ({}) };
  if (kind === "images") return { words: ["image", "inspect", name], toJson: () => ({}) };
  if (kind === "volumes") return { words: ["volume", "inspect", name], toJson: () => ({}) };
  if (kind === "networks") return { words: ["network", "inspect", name], toJson: first };
  return { words: [method, path] };
}

/** Lines of `docker ps`: id, name and, where it matters, state. */
function listing(path: string): Translation {
  const { label } = JSON.parse(new URL(path, "http://docker").searchParams.get("filters") ?? "{}") as {
    label: string[];
  };
  // Of all containers there are no words that say as much as the API.
  if (label.length === 0) return { words: ["GET", "/containers/json"] };
  const rows = (stdout: string) => stdout.split("\n").filter((line) => line !== "");
  return {
    words: ["ps", "--all", ...label.flatMap((one) => ["--filter", `label=${one}`])],
    toJson: (stdout) =>
      rows(stdout).map((row) => {
        const [Id, name, State = "running"] = row.split("\t");
        return { Id, Names: [`/${name}`], State, Labels: {}, Ports: [] };
      }),
  };
}

function run(docker: string, words: readonly string[]): Promise<Said> {
  return new Promise((resolve) => {
    execFile(docker, [...words], (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}
