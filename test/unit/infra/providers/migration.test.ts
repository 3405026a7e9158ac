import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readOnlyRoot, runOnce } from "../../../../infra/lib/docker/engine.ts";
import { UserError } from "../../../../infra/lib/errors.ts";
import provider from "../../../../infra/providers/migration.ts";
import { engineDown } from "../../../support/container-state.ts";
import { fakeDocker } from "../../../support/fake-docker.ts";

/** Nothing listens on the port: what asks Postgres itself is tested with a real one. */
const inputs = {
  ...{ image: "letta:1", containerName: "letta-server-migration", network: "letta-network" },
  databaseUrl: "postgresql://letta:plain-password@letta-postgres:5432/letta",
  ...{ host: "127.0.0.1", port: 1, database: "letta", user: "letta", password: "plain-password" },
};
const script = readFileSync(new URL("../../../../images/letta/launcher/migrate.py", import.meta.url), "utf8");
const done = { stdout: 'Running upgrade a -> b\n{"version": "b", "previous": "a", "repairedIndexes": []}\n' };

test("runs the script in the server's image, with the password on standard input, and returns the version", async () => {
  const docker = fakeDocker({ rm: {}, run: { ...done, stderr: "Unable to find image 'letta:1' locally\n" } });
  const outs = { ...inputs, schemaVersion: "b" };
  expect(await provider.create(inputs)).toEqual({ id: "letta-server-migration", outs });
  expect(docker.calls()).toEqual([
    "rm --force letta-server-migration",
    `${[...runOnce(), ...readOnlyRoot].join(" ")} --name letta-server-migration --network letta-network ` +
      `--env HOME=/tmp --entrypoint python3 letta:1 -c ${script}`,
  ]);
  expect(docker.lastInput()).toBe(`${inputs.databaseUrl}\n`);
});

describe("a failed migration", () => {
  test("shows the last lines that were printed", async () => {
    const lines = Array.from({ length: 30 }, (_, index) => `line ${index + 1}`);
    fakeDocker({ rm: {}, run: { exitCode: 1, stdout: `${lines.join("\n")}\n`, stderr: "pulling\n" } });
    const problem = "letta-server-migration: the migration of Letta's database failed, so the server was not started";
    const last = lines.slice(-15).map((line) => `    ${line}`);
    await expect(provider.create(inputs)).rejects.toThrow(new UserError([problem, ...last].join("\n")));
  });

  test("says when there is no engine", async () => {
    fakeDocker({ rm: engineDown, run: engineDown });
    await expect(provider.create(inputs)).rejects.toThrow("the Docker engine does not answer");
  });
});

test("diff shows a change while the database cannot be asked for its version", async () => {
  const olds = { ...inputs, schemaVersion: "b" };
  expect(await provider.diff?.("id", olds, inputs)).toEqual({ changes: true });
});
