import { expect } from "vitest";
import type { LettaEndpoint } from "../../infra/lib/letta/api.ts";
import { createAgent, type LettaEvent, stream } from "./conversation.ts";
import { startScriptedModel } from "./scripted-model.ts";

/** Holds back each word of the model until the test releases it. */
class Gate {
  readonly said: string[] = [];
  #open = Promise.withResolvers<void>();
  #reached = Promise.withResolvers<string>();

  /** For the model: called before each word. */
  async wait(word: string): Promise<void> {
    this.#reached.resolve(word);
    await this.#open.promise;
    this.said.push(word);
  }

  /** Releases the next word. @returns the word */
  async release(): Promise<string> {
    const word = await this.#reached.promise;
    const open = this.#open;
    this.#open = Promise.withResolvers<void>();
    this.#reached = Promise.withResolvers<string>();
    open.resolve();
    return word;
  }
}

/** Asserts that each word of an answer reaches a client at this endpoint before the model says the next one. */
export async function expectWordsAsTheyAreSaid(endpoint: LettaEndpoint): Promise<void> {
  const gate = new Gate();
  const model = await startScriptedModel({ host: "0.0.0.0", beforeWord: (word) => gate.wait(word) });
  const agent = await createAgent(endpoint, model.port);
  const events = stream(endpoint, agent, "alpha beta gamma delta")[Symbol.asyncIterator]();
  const nextWord = async () => {
    for (;;) {
      const { value, done } = (await events.next()) as IteratorResult<LettaEvent, undefined>;
      if (done) return undefined;
      if (value.message_type === "assistant_message") return value.content;
    }
  };
  const words = ["You", " said:", " alpha", " beta", " gamma", " delta"];
  for (const [index, word] of words.entries()) {
    const arriving = nextWord();
    expect(await gate.release()).toBe(word);
    expect(await arriving).toBe(word);
    // The model is held before the next word, so it has said no more than what has arrived.
    expect(gate.said).toEqual(words.slice(0, index + 1));
  }
  expect(await nextWord()).toBeUndefined();
  await model.close();
}
