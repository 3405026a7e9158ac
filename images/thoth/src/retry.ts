import { setTimeout as delay } from "node:timers/promises";

/** Options of `untilSuccess`. */
export interface RetryOptions {
  /** Stops the attempts; the promise rejects with an AbortError. */
  readonly signal: AbortSignal;
  /** First pause in milliseconds, doubled each time. Default 250. */
  readonly firstPause?: number;
  /** Longest pause in milliseconds. Default 5000. */
  readonly longestPause?: number;
  /** Called after each failed attempt; throw from here to give up. */
  readonly onFailure?: (error: unknown) => void;
}

/** Resolves when the signal aborts. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}

/** Repeats the action with growing pauses until it succeeds, and returns its result. */
export async function untilSuccess<Result>(action: () => Promise<Result>, options: RetryOptions): Promise<Result> {
  const longestPause = options.longestPause ?? 5000;
  let pause = options.firstPause ?? 250;
  for (;;) {
    options.signal.throwIfAborted();
    try {
      return await action();
    } catch (error) {
      options.onFailure?.(error);
    }
    await delay(pause, undefined, { signal: options.signal });
    pause = Math.min(pause * 2, longestPause);
  }
}
