import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { cloneDatabase } from "../../../../scripts/dev/db-clone.ts";
import { startDev } from "../../../../scripts/dev/start.ts";
import { notThere } from "../../../support/container-state.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { fakePrograms } from "../../../support/fake-programs.ts";
import { fakeStacks, lettaOutputs } from "../../../support/fake-stacks.ts";
import { temporaryFiles } from "../../../support/temporary.ts";

const options = { stack: "thoth-dev", lettaStack: "letta", like: "thoth", yes: true };

/** A checkout with both stacks, whose Thoth has settings, and a project for the dev stack on the letta stack. */
function checkout({ thoth: thothConfig = "", dev: devConfig = "" } = {}) {
  const thoth = { user: "user-1", generation: 1, token: "t", databaseUrl: "", hostDatabaseUrl: "", encryptionKey: "k" };
  const outputs = { ...lettaOutputs, projects: { ...lettaOutputs.projects, thoth_dev: thoth } };
  const programs = fakeStacks({
    docker: {
      "container inspect thoth-dev-backup": notThere,
      "exec -i letta-postgres psql": { stdout: '{"databases":[],"limits":{},"sessions":[]}' },
    },
    pulumi: {
      "stack output --json --show-secrets --stack letta": { stdout: JSON.stringify(outputs) },
      "stack output --json --show-secrets --stack thoth-dev": { stdout: "{}" },
      "stack ls": { stdout: '[{"name": "letta"}, {"name": "thoth"}, {"name": "thoth-dev"}]' },
      "config set": {},
    },
  });
  const projectDirectory = temporaryFiles({
    "Pulumi.letta.yaml": "config:\n  thoth-letta:projects: [thoth, thoth_dev]\n",
    "Pulumi.thoth.yaml": `config:\n  thoth-letta:release: nightly\n  thoth-letta:vault: /home/me/vault\n${thothConfig}`,
    "images/thoth/src/main.ts": "",
    "Pulumi.thoth-dev.yaml": `config:\n  thoth-letta:kind: thoth\n${devConfig}`,
  });
  const config = () => parse(readFileSync(join(projectDirectory, "Pulumi.thoth-dev.yaml"), "utf8")).config;
  return { ...programs, deps: fakeDeps({ projectDirectory }), config };
}

test("the dev stack is like the other one, with its own ports and vault, and the stand-in's sources", async () => {
  const { deps, calls, config } = checkout();
  expect(await startDev(options, deps)).toBe(0);
  expect(config()).toEqual({
    "thoth-letta:kind": "thoth",
    "thoth-letta:release": "nightly",
    "thoth-letta:ports": { api: 8000, mcp: 8082 },
    "thoth-letta:vault": "vault-dev",
    "thoth-letta:source": "images/thoth/src",
  });
  expect(calls().filter((call) => /pulumi (up|destroy)/.test(call))).toEqual([
    expect.stringContaining("pulumi up --stack thoth-dev"),
  ]);
});

test("a folder that is given counts from then on, and what is configured stays", async () => {
  const { deps, config } = checkout({ dev: "  thoth-letta:vault: other\n  thoth-letta:source: before\n" });
  const source = temporaryFiles({ "main.ts": "" });
  await startDev({ ...options, source }, deps);
  expect(config()).toMatchObject({ "thoth-letta:vault": "other", "thoth-letta:source": source });
});

test("ports that the other Thoth has are left to it", async () => {
  const { deps, config } = checkout({ thoth: "  thoth-letta:ports: {api: 8000, mcp: 8082}\n" });
  await startDev(options, deps);
  expect(config()).toMatchObject({ "thoth-letta:ports": { api: 8001, mcp: 8083 } });
});

describe("sources", () => {
  const images = "  thoth-letta:repository: registry.example/thoth\n";

  test.each([
    ["that are not there", {}, "/no/such/folder", "there is no folder /no/such/folder"],
    ["of another kind than the images", {}, tmpdir(), "has no main.ts, which the sources of the stand-in"],
    ["of images that nobody named", { thoth: images }, undefined, "the other Thoth runs from images"],
  ])("%s are refused before anything is made", async (_what, configs, source, problem) => {
    const { deps, calls } = checkout(configs);
    await expect(startDev({ ...options, ...(source === undefined ? {} : { source }) }, deps)).rejects.toThrow(problem);
    expect(calls()).toEqual([]);
  });

  test("in a folder of the given one are named", async () => {
    const { deps } = checkout({ thoth: images });
    const source = temporaryFiles({ "src/thoth/__init__.py": "" });
    await expect(startDev({ ...options, source }, deps)).rejects.toThrow(`fix: make dev SOURCE=${source}/src`);
  });
});

test("a clone never writes to the database that it copies", async () => {
  const { deps } = checkout({ dev: "  thoth-letta:project: thoth\n" });
  await expect(cloneDatabase(options, deps)).rejects.toThrow("have the same database, thoth");
});

test("a clone with Letta stopped names the command that starts it", async () => {
  const { deps } = checkout({ dev: "  thoth-letta:project: thoth_dev\n" });
  const stopped = { exitCode: 1, stderr: "Error response from daemon: container 1a2b is not running" };
  fakePrograms({ docker: { "exec -i letta-postgres psql": stopped } });
  await expect(cloneDatabase(options, deps)).rejects.toThrow(
    "container letta-postgres does not run\n  fix: make letta-start",
  );
});

test("a clone asks, since what the dev stack had is gone after it", async () => {
  const { deps, calls } = checkout({ dev: "  thoth-letta:project: thoth_dev\n" });
  expect(await cloneDatabase({ ...options, yes: false }, deps)).toBe(1);
  expect(deps.printed.join("\n")).toContain("database thoth_dev, of stack thoth-dev");
  expect(calls()).toEqual([]);
});
