import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type StartOverOptions, startOver } from "../../../../scripts/letta/start-over.ts";
import { inspected, notThere } from "../../../support/container-state.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import type { FakeAnswers } from "../../../support/fake-programs.ts";
import { fakeStacks, networkOf } from "../../../support/fake-stacks.ts";
import { temporaryFiles } from "../../../support/temporary.ts";

const volumes = ["letta-postgres", "letta-home", "letta-data", "letta-backup", "letta-redis", "others"];
/** Backups do not run: no export can be taken. */
const down = { "container inspect letta-backup": notThere };

type Given = Partial<StartOverOptions> & { readonly word?: string; readonly docker?: FakeAnswers };

async function run({ word = "", docker = {}, ...options }: Given) {
  const programs = fakeStacks({
    docker: {
      "volume ls": { stdout: volumes.map((name) => `${name}\n`).join("") },
      "run --rm --network none --volume letta-postgres:/volume:ro": {},
      "volume rm": {},
      ...docker,
    },
    pulumi: { "state unprotect": {} },
  });
  const projectDirectory = temporaryFiles({ "Pulumi.letta.yaml": "config:\n  thoth-letta:images: local\n" });
  const deps = fakeDeps({ word, projectDirectory });
  const exitCode = await startOver({ stack: "letta", withoutExport: true, dryRun: false, ...options }, deps);
  const changes = programs.calls().filter((call) => /^docker (volume rm|stop)|^pulumi (destroy|state)/.test(call));
  const config = readFileSync(join(projectDirectory, "Pulumi.letta.yaml"), "utf8");
  return { exitCode, changes, config, printed: deps.printed.join("\n") };
}

describe("start-over", () => {
  test("deletes what this stack made, the state last, so that it can be run again", async () => {
    const { exitCode, changes } = await run({ word: "letta", docker: down });
    expect(exitCode).toBe(0);
    expect(changes.map((call) => call.replace(/ --stack letta.*/, ""))).toEqual([
      "pulumi destroy",
      "docker volume rm --force letta-home",
      "docker volume rm --force letta-backup",
      "docker volume rm --force letta-postgres",
      "pulumi state unprotect --all --yes",
      "pulumi destroy",
    ]);
  });

  test("keeps a cluster that this project did not begin, names it, and gives the next start another volume", async () => {
    const foreign = { "run --rm --network none --volume letta-postgres:/volume:ro": { exitCode: 1 } };
    const { changes, config, printed } = await run({ confirm: "letta", docker: { ...foreign, ...down } });
    expect(changes).not.toContain("docker volume rm --force letta-postgres");
    expect(printed).toContain("kept       letta-data, letta-redis, letta-postgres");
    expect(config).toMatch(/postgresVolume: letta-postgres-\d{14}\n/);
  });

  test.each([
    ["without the stack's name", {}],
    ["for another name", { confirm: "letta-2", word: "thoth" }],
    ["without a word on the missing export", { confirm: "letta", withoutExport: false }],
    ["when it only shows the plan", { confirm: "letta", dryRun: true }],
  ])("changes nothing %s", async (_, options) => {
    expect((await run({ ...options, docker: down })).changes).toEqual([]);
  });

  test("deletes nothing when the last export fails", async () => {
    const broken = { "exec letta-backup": { stdout: '{"event":"error","problem":"no room"}\n', exitCode: 1 } };
    const asked = run({ confirm: "letta", docker: { "exec letta-backup check": {}, ...broken } });
    await expect(asked).rejects.toThrow("no room");
  });

  test("refuses while others use the stack", async () => {
    const docker = { "network inspect": networkOf("thoth-api"), "container inspect": inspected() };
    await expect(run({ confirm: "letta", docker })).rejects.toThrow("is in use by thoth-api");
  });
});
