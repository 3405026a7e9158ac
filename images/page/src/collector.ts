import { statfs } from "node:fs/promises";
import { type Notes, paths, type Report, type Settings } from "./contract.ts";
import type { RequestCounts } from "./gateway-log.ts";
import type { MinuteHistory } from "./history.ts";
import type { readBackupNote } from "./notes.ts";
import { type Counts, isRefusal } from "./postgres.ts";
import { problemsOf } from "./problems.ts";
import { type Asked, reason } from "./services.ts";

/** What the collector looks at; tests give it other ones. */
export interface World {
  readonly settings: () => Settings;
  readonly ask: (service: Asked) => Promise<void>;
  readonly count: () => Promise<Counts>;
  readonly openRequests: () => Promise<number>;
  readonly backupNote: typeof readBackupNote;
  readonly note: <Name extends keyof Notes>(name: Name) => Promise<Notes[Name] | undefined>;
  readonly requests: RequestCounts;
  readonly history: MinuteHistory;
  /** Milliseconds. */
  readonly now: () => number;
}

/** Younger than this, in milliseconds, the last look is good enough for another browser. */
const freshFor = 3000;

/** Looks at everything, keeps what is worth keeping each minute, and reports the last look. */
export class Collector {
  readonly #world: World;
  #last: { readonly at: number; readonly report: Promise<Omit<Report, "history">> } | undefined;
  /** What was seen in the current minute: series -> values. */
  #seen = new Map<string, number[]>();
  #minute: number;

  constructor(world: World) {
    this.#world = world;
    this.#minute = minuteOf(world.now());
  }

  /** The state now, and the history after a minute. */
  async report(sinceMinute: number): Promise<Report> {
    return { ...(await this.look()), history: this.#world.history.since(sinceMinute) };
  }

  /** Looks again unless somebody just did. */
  look(): Promise<Omit<Report, "history">> {
    const now = this.#world.now();
    if (this.#last === undefined || now - this.#last.at >= freshFor) {
      this.#last = { at: now, report: this.#look(now) };
    }
    return this.#last.report;
  }

  async #look(now: number): Promise<Omit<Report, "history">> {
    const { settings: read, ask, count, openRequests, backupNote, note, requests, history } = this.#world;
    const settings = read();
    const counting = count();
    // What Postgres refuses to the page alone is no failure of Postgres.
    const postgres = () =>
      counting.then(
        () => {},
        (error) => (isRefusal(error) ? undefined : Promise.reject(error)),
      );
    const [services, counts, open, backup, doctor, operation, disk] = await Promise.all([
      Promise.all(
        Object.entries(settings.services).map(([name, kind]) =>
          service(name, kind === "postgres" ? postgres : () => ask(kind)),
        ),
      ),
      counting.catch(() => null),
      openRequests().catch(() => null),
      backupNote(),
      note("doctor"),
      note("operation"),
      statfs(paths.data).catch(() => statfs("/")),
    ]);
    const seen = {
      services,
      disk: { freeBytes: disk.bavail * disk.bsize, totalBytes: disk.blocks * disk.bsize },
      backup: backup ?? null,
      operation: operation?.operation ?? null,
    };
    this.#keep(now, Object.keys(settings.projects), {
      ...Object.fromEntries(services.map(({ name, isHealthy }) => [`up/${name}`, isHealthy ? 1 : 0])),
      ...(open === null ? {} : { open }),
      ...prefixed("database", counts?.databaseBytes),
      ...prefixed("volume", backup?.volumeBytes),
      ...prefixed("messages", counts?.messages),
    });
    return {
      ...{ stack: settings.stack, now, ...seen, openRequests: open, doctor: doctor ?? null },
      projects: Object.keys(settings.projects).map((name) => {
        const lastAt = requests.lastAt(name) ?? (history.lastOf(`requests/${name}`) ?? Number.NaN) * 60_000;
        return {
          name,
          agents: counts?.agents[name] ?? null,
          messages: counts?.messages[name] ?? null,
          lastRequest: Number.isNaN(lastAt) ? null : new Date(lastAt).toISOString(),
        };
      }),
      databaseBytes: counts?.databaseBytes ?? null,
      problems: problemsOf(seen),
    };
  }

  /** Adds to the minute; the first look of the next one writes it to the history. */
  #keep(now: number, projects: readonly string[], values: Readonly<Record<string, number>>): void {
    const minute = minuteOf(now);
    if (minute !== this.#minute) {
      const { history, requests } = this.#world;
      const whole = [...this.#seen].map(([series, all]) => [series, summary(series, all)]);
      history.record(this.#minute, { ...Object.fromEntries(whole), ...requests.flush(projects) });
      this.#seen = new Map();
      this.#minute = minute;
    }
    for (const [series, value] of Object.entries(values)) {
      this.#seen.set(series, [...(this.#seen.get(series) ?? []), value]);
    }
  }
}

const minuteOf = (milliseconds: number) => Math.floor(milliseconds / 60_000);

/** The share of good answers and the most open requests of a minute; of sizes the last one. */
function summary(series: string, values: readonly number[]): number {
  if (series.startsWith("up/")) return values.reduce((sum, value) => sum + value, 0) / values.length;
  return series === "open" ? Math.max(...values) : (values.at(-1) ?? 0);
}

function prefixed(prefix: string, values: Readonly<Record<string, number>> = {}): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}/${name}`, value]));
}

async function service(name: string, ask: () => Promise<void>): Promise<Report["services"][number]> {
  try {
    await ask();
    return { name, isHealthy: true };
  } catch (error) {
    return { name, isHealthy: false, problem: reason(error) };
  }
}
