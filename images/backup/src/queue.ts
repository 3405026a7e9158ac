import type { Report } from "./contract.ts";

/** Runs one job at a time, in the order they came: backups, expiry and exports must not overlap. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve();
  #running: string | undefined;
  #waiting = 0;

  /** Title of the job that is running. */
  get running(): string | undefined {
    return this.#running;
  }

  get isIdle(): boolean {
    return this.#running === undefined && this.#waiting === 0;
  }

  add<Result>(title: string, report: Report, job: () => Promise<Result>): Promise<Result> {
    if (this.#running !== undefined) report({ event: "step", title: `waiting for: ${this.#running}` });
    this.#waiting += 1;
    const turn = this.#last.then(async () => {
      this.#waiting -= 1;
      this.#running = title;
      try {
        return await job();
      } finally {
        this.#running = undefined;
      }
    });
    this.#last = turn.catch(() => {});
    return turn;
  }
}
