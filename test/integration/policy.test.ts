import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../../scripts/lib/checkout.ts";
import { sharedStacks } from "../support/shared-stacks.ts";

/** The policy pack, run as a deployment pipeline runs it. */

const stacks = sharedStacks();
const pack = join(root, "infra/policy");
const preview = (stack: string, ...args: string[]) =>
  stacks.pulumi(["preview", "--stack", stack, "--policy-pack", pack, ...args]);

test("both stacks pass every rule", async () => {
  for (const { exitCode, output } of await Promise.all([stacks.letta, stacks.thoth].map((stack) => preview(stack)))) {
    expect(output).toMatch(/✅ thoth-letta@/);
    expect(exitCode).toBe(0);
  }
});

describe("a stack published on every address", () => {
  beforeAll(() => stacks.configure(stacks.letta, { bindAddress: "0.0.0.0" }));
  afterAll(() => stacks.configure(stacks.letta, { bindAddress: undefined }));

  test("is refused before anything is made, and the port is named", async () => {
    const { exitCode, output } = await preview(stacks.letta);
    expect(exitCode).not.toBe(0);
    expect(output).toContain("port 8284 is published on 0.0.0.0");
    expect(output).not.toContain("can't run policy 'every-container-has-a-limit-of-processes'");
  });

  test("passes where the pack's config allows it", async () => {
    const config = join(stacks.folder, "policy-config.json");
    const name = "every-container-publishes-ports-on-loopback-only";
    writeFileSync(config, JSON.stringify({ [name]: { exposedOn: ["0.0.0.0"] } }));
    expect(await preview(stacks.letta, "--policy-pack-config", config)).toMatchObject({ exitCode: 0 });
  });
});
