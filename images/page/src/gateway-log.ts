import { createSocket } from "node:dgram";

/** Who sent a request without a known token. */
const nobody = "-";
/** The stack's own probe, which is no use of Letta. */
const probe = "letta-probe";

/** One line of nginx' log format `page`, behind what syslog puts in front. */
const pattern = /: (\S+) (\d{3})$/;

/** Counts the requests of each project, as the gateway tells them. */
export class RequestCounts {
  #counts = new Map<string, { requests: number; errors: number }>();
  /** Project -> milliseconds. */
  readonly #lastAt = new Map<string, number>();

  /** Takes one line; anything else is ignored. */
  take(line: string, now = Date.now()): void {
    const [, project = "", status = ""] = pattern.exec(line.trim()) ?? [];
    if (project === "" || project === probe) return;
    const count = this.#counts.get(project) ?? { requests: 0, errors: 0 };
    count.requests += 1;
    if (Number(status) >= 400) count.errors += 1;
    this.#counts.set(project, count);
    this.#lastAt.set(project, now);
  }

  /** When a project's last request ended, in milliseconds; undefined when there was none since the start. */
  lastAt(project: string): number | undefined {
    return this.#lastAt.get(project);
  }

  /** The counts since the last call as series: zero too for these projects, so that a quiet minute is no gap. */
  flush(projects: readonly string[]): Record<string, number> {
    const counts = this.#counts;
    this.#counts = new Map();
    const owners = new Set([...projects, nobody]);
    return Object.fromEntries(
      [...owners].flatMap((name) => [
        [`requests/${name}`, counts.get(name)?.requests ?? 0],
        [`errors/${name}`, counts.get(name)?.errors ?? 0],
      ]),
    );
  }
}

/** Listens for the gateway's log. UDP: a page that is away holds nothing up. */
export function listen(port: number, isTrusted: (address: string) => boolean, take: (line: string) => void): void {
  const socket = createSocket("udp4");
  socket.on("message", (message, { address }) => {
    if (isTrusted(address)) take(message.toString());
  });
  socket.bind(port);
}
