import { expect, test } from "vitest";
import { createAgent, type LettaEvent, stream } from "../support/conversation.ts";
import { startScriptedModel } from "../support/scripted-model.ts";
import { sharedStacks } from "../support/shared-stacks.ts";

const stacks = sharedStacks();

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

test("each word of an answer reaches the client before the model says the next one", async () => {
  const gate = new Gate();
  const model = await startScriptedModel({ host: "0.0.0.0", beforeWord: (word) => gate.wait(word) });
  const throughGateway = await stacks.projectEndpoint();
  const agent = await createAgent(throughGateway, model.port);

  const events = stream(throughGateway, agent, "alpha beta gamma delta")[Symbol.asyncIterator]();
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
});
