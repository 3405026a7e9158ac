import { setTimeout as sleep } from "node:timers/promises";

/** How long to keep asking, and what to say when the time is over. */
interface Patience {
  readonly seconds: number;
  /** Pause between two questions, in milliseconds. Default: 500. */
  readonly everyMs?: number;
  /** The error when there is still no answer; it may look for the reason. */
  readonly problem: () => Error | Promise<Error>;
}

/**
 * Asks again and again until the answer is something other than `false` or `undefined`.
 *
 * @returns that answer @throws `problem()` after the last question in time, and at once what the question itself throws
 */
export async function until<Answer>(
  question: () => Promise<Answer | false | undefined>,
  { seconds, everyMs = 500, problem }: Patience,
): Promise<Answer> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await question();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() >= deadline) throw await problem();
    await sleep(everyMs);
  }
}

/**
 * Does something again while it fails with a message that matches.
 *
 * @throws any other error at once, and after the time the last one
 */
export async function retryWhile(
  expected: RegExp,
  work: () => Promise<unknown>,
  patience: Omit<Patience, "problem">,
): Promise<void> {
  let last: unknown;
  const isDone = async () => {
    try {
      await work();
      return true;
    } catch (error) {
      last = error;
      if (expected.test((error as Error).message)) return false;
      throw error;
    }
  };
  await until(isDone, { ...patience, problem: () => last as Error });
}
