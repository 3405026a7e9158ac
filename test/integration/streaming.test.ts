import { test } from "vitest";
import { expectWordsAsTheyAreSaid } from "../support/gated-answer.ts";
import { sharedStacks } from "../support/shared-stacks.ts";

const stacks = sharedStacks();

test("each word of an answer reaches the client before the model says the next one", async () => {
  await expectWordsAsTheyAreSaid(await stacks.projectEndpoint());
});
