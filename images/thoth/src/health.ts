import { describeError } from "./log.ts";

/** How long an answer is cached, in milliseconds; failures for a shorter time, so that recovery shows at once. */
const KEPT = { healthy: 3000, failing: 1000 };
/** Timeout of a dependency, in milliseconds. */
const PATIENCE = 2000;

/** Checks one dependency; throws if it does not answer. */
export type Probe = () => Promise<void>;

/** Caches a probe's answer briefly and never runs it twice at a time. */
export class CachedProbe {
  readonly #probe: Probe;
  readonly #now: () => number;
  #answer: { readonly at: number; readonly problem: string | undefined } | undefined;
  #running: Promise<string | undefined> | undefined;

  constructor(probe: Probe, now: () => number = Date.now) {
    this.#probe = probe;
    this.#now = now;
  }

  /** The dependency's problem; undefined if it answers. */
  async problem(): Promise<string | undefined> {
    if (this.#answer) {
      const keptFor = this.#answer.problem === undefined ? KEPT.healthy : KEPT.failing;
      if (this.#now() - this.#answer.at < keptFor) return this.#answer.problem;
    }
    this.#running ??= this.#ask().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #ask(): Promise<string | undefined> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(`gave no answer within ${PATIENCE} ms`)), PATIENCE);
    let problem: string | undefined;
    try {
      await Promise.race([this.#probe(), late]);
    } catch (error) {
      problem = describeError(error);
    } finally {
      clearTimeout(timer);
    }
    this.#answer = { at: this.#now(), problem };
    return problem;
  }
}

/** The answer of `GET /health`, without the program's identity. */
export interface HealthReport {
  readonly status: "healthy" | "unhealthy";
  readonly failing: readonly string[];
  readonly checks: Readonly<Record<string, string>>;
  readonly warning?: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** A role's dependencies, details and warnings. */
export class Health {
  readonly #probes = new Map<string, CachedProbe>();
  readonly #details = new Map<string, () => unknown>();
  readonly #warnings: (() => string | undefined)[] = [];

  /** Makes the role unhealthy while the probe throws. */
  dependsOn(name: string, probe: Probe): void {
    this.#probes.set(name, new CachedProbe(probe));
  }

  /** Adds a neutral detail. */
  tells(name: string, value: () => unknown): void {
    this.#details.set(name, value);
  }

  /** Adds a warning that does not make the role unhealthy. */
  warns(warning: () => string | undefined): void {
    this.#warnings.push(warning);
  }

  async report(): Promise<HealthReport> {
    const answers = await Promise.all(
      [...this.#probes].map(async ([name, probe]) => [name, await probe.problem()] as const),
    );
    const failing = answers.filter(([, problem]) => problem !== undefined).map(([name]) => name);
    const warning = this.#warnings.map((warn) => warn()).find((text) => text !== undefined);
    return {
      status: failing.length === 0 ? "healthy" : "unhealthy",
      failing,
      checks: Object.fromEntries(answers.map(([name, problem]) => [name, problem ?? "answers"])),
      ...(warning === undefined ? {} : { warning }),
      details: Object.fromEntries([...this.#details].map(([name, value]) => [name, value()])),
    };
  }
}
