import { afterAll, beforeAll, expect, test } from "vitest";
import { dockerOutput } from "../../infra/lib/docker/engine.ts";
import { sharedStacks } from "../support/shared-stacks.ts";
import { succeeded } from "../support/stacks.ts";

const stacks = sharedStacks();
const [discovery, monitor] = [`${stacks.thoth}-discovery`, `${stacks.thoth}-monitor`];

interface Report {
  readonly checks: readonly {
    readonly id: string;
    readonly result: "ok" | "found" | "skipped";
    readonly findings: readonly { readonly problem: string; readonly fix: string }[];
  }[];
}

/** Check -> what it found, as `problem (fix)`. */
async function examine(...flags: string[]): Promise<Record<string, string[]>> {
  const { stdout } = await stacks.command(["doctor", "--json", ...flags]);
  const { checks } = JSON.parse(stdout) as Report;
  expect(checks.filter(({ result }) => result === "skipped")).toEqual([]);
  const found = checks.filter(({ findings }) => findings.length > 0);
  return Object.fromEntries(
    found.map(({ id, findings }) => [id, findings.map(({ problem, fix }) => `${problem} (${fix})`)]),
  );
}

let before: Record<string, string[]>;
beforeAll(async () => {
  before = await examine();
});
afterAll(async () => {
  await stacks.up(stacks.thoth);
});

test("healthy stacks lack a copy on another host, and nothing else", () => {
  // How much room and memory there is depends on the machine.
  const { disk: _, memory: __, ...found } = before;
  expect(found).toEqual({ "off-site": [expect.stringContaining("all backups are on the disk of the data")] });
});

test("what breaks is found, each with the command that fixes it; FIX=1 and those commands fix it", async () => {
  await stacks.psql("update pg_index set indisvalid = false where indexrelid = 'ix_step_id'::regclass", "letta");
  await dockerOutput(["network", "disconnect", `${stacks.letta}-network`, discovery]);
  await dockerOutput(["kill", monitor]);
  expect(await examine()).toMatchObject({
    ...before,
    indexes: ["index ix_step_id of database letta is not valid (make doctor FIX=1)"],
    network: [
      expect.stringMatching(
        `^${discovery} is not on network .* \\(docker network connect ${stacks.letta}-network .*\\)$`,
      ),
    ],
    containers: [expect.stringMatching(`^${monitor} is exited \\(exit code 137\\) \\(make up\\)$`)],
  });
  const { indexes, network, containers } = await examine("--fix");
  expect([indexes, network, containers?.length]).toEqual([undefined, undefined, 1]);
  succeeded(await stacks.command(["thoth", "start"]));
  expect(await examine()).toEqual(before);
});
