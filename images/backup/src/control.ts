import { rm } from "node:fs/promises";
import { createServer, request, type Server } from "node:http";
import { createInterface } from "node:readline";
import { BackupError } from "./errors.ts";
import type { BackupEvent, Report } from "./events.ts";
import { paths } from "./paths.ts";

/** A command as the serving process takes it. */
export interface ControlRequest {
  readonly command: string;
  readonly options: Readonly<Record<string, string | undefined>>;
}

/** What the serving process does for each command; `closed` ends with the connection of whoever asked. */
export type Handlers = Readonly<
  Record<string, (options: ControlRequest["options"], report: Report, closed: Promise<void>) => Promise<unknown>>
>;

/** Takes commands on the container's own socket; a command goes on when the one who asked is gone. */
export async function serveControl(handlers: Handlers): Promise<Server> {
  await rm(paths.control, { force: true });
  const server = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const { command, options } = JSON.parse(Buffer.concat(chunks).toString()) as ControlRequest;
    outgoing.on("error", () => {});
    const closed = new Promise<void>((resolve) => outgoing.once("close", resolve));
    const report: Report = (event) => void outgoing.write(`${JSON.stringify(event)}\n`);
    report(await answer(handlers, command, options, report, closed));
    outgoing.end();
  });
  await new Promise<void>((resolve) => server.listen({ path: paths.control }, resolve));
  return server;
}

async function answer(
  handlers: Handlers,
  command: string,
  options: ControlRequest["options"],
  report: Report,
  closed: Promise<void>,
): Promise<BackupEvent> {
  const handler = handlers[command];
  if (handler === undefined) return errorEvent(new BackupError(`this container does not take the command ${command}`));
  try {
    return { event: "result", value: await handler(options, report, closed) };
  } catch (error) {
    return errorEvent(error);
  }
}

/** The event that tells of an error; one that nobody foresaw keeps its stack. */
export function errorEvent(error: unknown): BackupEvent {
  if (error instanceof BackupError) return { event: "error", problem: error.message, fix: error.fix };
  return { event: "error", problem: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** Sends a command to the serving process and passes its events on. @returns the last one */
export function sendControl(
  command: ControlRequest,
  report: Report,
  options: { signal?: AbortSignal } = {},
): Promise<BackupEvent> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: paths.control, method: "POST", ...options }, (incoming) => {
      let last: BackupEvent | undefined;
      const lines = createInterface({ input: incoming });
      lines.on("line", (line) => {
        last = JSON.parse(line) as BackupEvent;
        if (last.event !== "result" && last.event !== "error") report(last);
      });
      // A connection that is given up ends the reader too.
      lines.on("error", () => reject(notServing()));
      lines.on("close", () => (last === undefined ? reject(notServing()) : resolve(last)));
      incoming.on("error", () => reject(notServing()));
    });
    outgoing.on("error", () => reject(notServing()));
    outgoing.end(JSON.stringify(command));
  });
}

function notServing(): BackupError {
  return new BackupError("the backup agent does not answer in this container", "make letta-start");
}
