import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { docker, dockerOutput } from "../../infra/lib/docker/engine.ts";
import { sharedStacks } from "../support/shared-stacks.ts";
import { layOutProject, succeeded } from "../support/stacks.ts";

/** A new checkout next to stacks that another one made, or the same one before its state was lost. */

const stacks = sharedStacks();
const folder = join(stacks.folder, "new-checkout");
const env = {
  THOTH_LETTA_PROJECT: folder,
  PULUMI_BACKEND_URL: pathToFileURL(join(folder, "backend")).href,
};
const containers = async () => [await stacks.containers(stacks.letta), await stacks.containers(stacks.thoth)];
beforeAll(async () => {
  // Plain `pulumi up` leaves no copy of the state with the backups.
  succeeded(await stacks.command(["letta", "start"]));
  mkdirSync(join(folder, "backend"), { recursive: true });
  layOutProject(folder);
  for (const stack of [stacks.letta, stacks.thoth]) {
    const text = readFileSync(join(stacks.folder, `Pulumi.${stack}.yaml`), "utf8");
    writeFileSync(join(folder, `Pulumi.${stack}.yaml`), text.replace(/^encryptionsalt: .*$/m, ""));
    succeeded(await stacks.pulumi(["stack", "init", stack, "--no-select", "--cwd", folder], { env }));
  }
});
afterAll(async () => {
  const backup = `${stacks.letta}-backup`;
  await docker(["start", backup]);
  await vi.waitFor(() => dockerOutput(["exec", backup, "backup", "health"]), { timeout: 120_000, interval: 200 });
});

const run = (...args: string[]) => stacks.command(args, { env });

describe("a checkout without a state", () => {
  test.each([
    ["letta start", ["letta", "start"]],
    ["thoth start", ["thoth", "start", "--yes"]],
    ["down", ["down"]],
  ])("changes nothing at %s", async (_name, args) => {
    const before = await containers();
    const { exitCode, output } = await run(...args);
    expect(exitCode).toBe(1);
    expect(output).toContain("has no state here, but the engine has containers");
    expect(await containers()).toEqual(before);
  });

  test("recovers the state from the backups of the running stack, and then has nothing to change", async () => {
    const before = await containers();
    succeeded(await run("letta", "recover"));
    const { output } = succeeded(await run("letta", "start"));
    expect(output).toMatch(/\d+ unchanged/);
    expect(output).not.toMatch(/[+~-] \d+ (created|updated|replaced|deleted)/);
    expect(await containers()).toEqual(before);
  });

  test("that has a state recovers none", async () => {
    const { exitCode, output } = await run("letta", "recover");
    expect(exitCode).toBe(1);
    expect(output).toContain("has a state: there is nothing to recover");
  });

  test("recovers it with the recovery key alone when the backup container is down", async () => {
    succeeded(await stacks.pulumi(["stack", "rm", stacks.letta, "--force", "--yes", "--preserve-config"], { env }));
    succeeded(await stacks.pulumi(["stack", "init", stacks.letta, "--no-select", "--cwd", folder], { env }));
    await docker(["stop", `${stacks.letta}-backup`]);
    const keyFile = join(folder, "key");
    writeFileSync(keyFile, "0".repeat(40));
    const { exitCode, output } = await run("letta", "recover", "--key-file", keyFile);
    expect(exitCode).toBe(1);
    expect(output).not.toContain("has the state of its last update again");

    writeFileSync(keyFile, String((await stacks.lettaOutputs()).recoveryKey));
    succeeded(await run("letta", "recover", "--key-file", keyFile));
    const outputs = ["stack", "output", "--json", "--show-secrets", "--stack", stacks.letta];
    const { stdout } = succeeded(await stacks.pulumi(outputs, { env }));
    expect(JSON.parse(stdout)).toEqual(await stacks.lettaOutputs());
  });
});
