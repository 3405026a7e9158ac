import { rm } from "node:fs/promises";
import { createServer, request, type Server } from "node:http";
import { createInterface } from "node:readline";
import type { BackupEvent, Report } from "./contract.ts";
import { BackupError } from "./errors.ts";

/** A command for the serving process. */
interface ControlRequest {
  readonly command: string;
  readonly options: Readonly<Record<string, string | undefined>>;
}

/** What the serving process does for each command; `closed` resolves when the client's connection has ended. */
export type Handlers = Readonly<
  Record<string, (options: ControlRequest["options"], report: Report, closed: Promise<void>) => Promise<unknown>>
>;

/** Takes commands on a socket; a command runs to its end even when its client leaves. */
export async function serveControl(socket: string, handlers: Handlers): Promise<Server> {
  await rm(socket, { force: true });
  const server = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const { command, options } = JSON.parse(Buffer.concat(chunks).toString()) as ControlRequest;
    outgoing.on("error", () => {});
    const closed = new Promise<void>((resolve) => outgoing.once("close", resolve));
    const report: Report = (event) => void outgoing.write(`${JSON.stringify(event)}\n`);
    report(await outcome(() => handle(handlers, command)(options, report, closed)));
    outgoing.end();
  });
  await new Promise<void>((resolve) => server.listen({ path: socket }, resolve));
  return server;
}

function handle(handlers: Handlers, command: string): Handlers[string] {
  const handler = handlers[command];
  if (handler === undefined) throw new BackupError(`this container does not take the command ${command}`);
  return handler;
}

/** The event that a piece of work ends with; an unforeseen error keeps its stack. */
export async function outcome(work: () => Promise<unknown>): Promise<BackupEvent> {
  try {
    return { event: "result", value: await work() };
  } catch (error) {
    if (error instanceof BackupError) return { event: "error", problem: error.message, fix: error.fix };
    return { event: "error", problem: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/** Sends a command to the serving process and passes its events on. @returns the last one */
export function sendControl(
  socket: string,
  command: ControlRequest,
  report: Report,
  options: { signal?: AbortSignal } = {},
): Promise<BackupEvent> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: socket, method: "POST", ...options }, (incoming) => {
      let last: BackupEvent | undefined;
      const lines = createInterface({ input: incoming });
      lines.on("line", (line) => {
        last = JSON.parse(line) as BackupEvent;
        if (last.event !== "result" && last.event !== "error") report(last);
      });
      // An aborted connection ends the reader too.
      lines.on("error", () => reject(notServing()));
      lines.on("close", () => (isEnd(last) ? resolve(last) : reject(notServing())));
      incoming.on("error", () => reject(notServing()));
    });
    outgoing.on("error", () => reject(notServing()));
    outgoing.end(JSON.stringify(command));
  });
}

/**
 * Works while the serving process keeps all jobs away from the repository. Closing the connection releases it.
 *
 * @throws BackupError when nobody serves, the hold is refused, or it is lost before the work has ended
 */
export async function whileHeld<Result>(socket: string, report: Report, work: () => Promise<Result>): Promise<Result> {
  const controller = new AbortController();
  const held = Promise.withResolvers<void>();
  const onEvent: Report = (event) => (event.event === "held" ? held.resolve() : report(event));
  const ended = sendControl(socket, { command: "hold", options: {} }, onEvent, { signal: controller.signal });
  const lost = ended.then((last) => {
    if (last.event === "error") throw new BackupError(last.problem, last.fix);
    throw new BackupError("the backup agent released its repository too early", "try again");
  });
  // Closing the connection ends it with an error that nobody waits for.
  lost.catch(() => {});
  try {
    await Promise.race([held.promise, lost]);
    return await Promise.race([work(), lost]);
  } finally {
    controller.abort();
  }
}

function isEnd(event: BackupEvent | undefined): event is BackupEvent {
  return event?.event === "result" || event?.event === "error";
}

function notServing(): BackupError {
  return new BackupError("the backup agent does not answer in this container", "make letta-start");
}
