import { describe, expect, test } from "vitest";
import { UserError } from "../../../../infra/lib/errors.ts";
import { knownStacks, pulumiOfStack } from "../../../../scripts/lib/pulumi-cli.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { fakePrograms } from "../../../support/fake-programs.ts";
import { pulumiFailures, without } from "../../../support/fake-stacks.ts";

const output = ["stack", "output", "--json", "--show-secrets"];

test("a stack that the backend does not list is not there", async () => {
  fakePrograms({ pulumi: without("letta") });
  expect(await pulumiOfStack(fakeDeps(), "letta", output)).toBeUndefined();
});

describe.each(Object.entries(pulumiFailures))("a Pulumi that %s", (_, failure) => {
  test("does not say that a stack is not there", async () => {
    fakePrograms({ pulumi: { "stack output": failure, "stack ls": { stdout: '[{"name": "letta"}]' } } });
    await expect(pulumiOfStack(fakeDeps(), "letta", output)).rejects.toThrow(UserError);
  });

  test("does not say that there are no stacks", async () => {
    fakePrograms({ pulumi: { "stack ls": failure } });
    await expect(knownStacks(fakeDeps())).rejects.toThrow(UserError);
  });
});

test("the error has what Pulumi says and the fix, and not what it prints, which may be secret", async () => {
  const failure = { exitCode: 1, stdout: "a-secret", stderr: "error: failed to decrypt: incorrect passphrase\n" };
  fakePrograms({ pulumi: { "stack output": failure, "stack ls": { stdout: '[{"name": "letta"}]' } } });
  const problem = "pulumi stack output letta failed: error: failed to decrypt: incorrect passphrase";
  const fix = "put the stack's passphrase back into .state/passphrase or PULUMI_CONFIG_PASSPHRASE";
  await expect(pulumiOfStack(fakeDeps(), "letta", output)).rejects.toThrow(new UserError(problem, fix));
});
