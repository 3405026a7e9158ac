import { setTimeout as delay } from "node:timers/promises";

/** How `untilSuccess` waits and whom it tells. */
export interface RetryOptions {
  /** Ends the attempts: the promise then rejects with an AbortError. */
  readonly signal: AbortSignal;
  /** First pause in milliseconds; each next one is twice as long. Default 250. */
  readonly firstPause?: number;
  /** Longest pause in milliseconds. Default 5000. */
  readonly longestPause?: number;
  /** Called after each failed attempt; throw from here to give up. */
  readonly onFailure?: (error: unknown) => void;
}

/** Resolves when the signal ends whatever it was given to. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}

/** Runs the action until it succeeds, with growing pauses, and gives its result. */
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
