import { expect, test } from "vitest";
import { UserError } from "../../../../../infra/lib/errors.ts";
import { oneOff, readBackupStack, reading } from "../../../../../scripts/lib/backup-agent/stack.ts";
import { inspected, notThere } from "../../../../support/container-state.ts";
import { fakeDeps } from "../../../../support/fake-deps.ts";
import { fakePrograms } from "../../../../support/fake-programs.ts";
import { agentRun, fakeStacks, lettaOutputs } from "../../../../support/fake-stacks.ts";

const containers = { postgres: "letta-postgres", backup: "letta-backup", drill: "letta-drill" };
const site = {
  stack: "letta",
  prefix: "letta",
  image: "image:1",
  settings: '{"recoveryKey":"secret"}',
  repository: "letta-backup",
};

test("a letta stack has for its backups volumes, containers and the image that made them", async () => {
  fakeStacks();
  expect(await readBackupStack(fakeDeps(), "letta")).toMatchObject({
    ...site,
    settings: '{"recoveryKey":"recovery-key"}',
    containers,
  });
});

test.each([
  [
    "without backups says how it gets them",
    { backup: { ...lettaOutputs.backup, enabled: false }, backupSettings: undefined },
    new UserError(
      "stack letta has no backups: thoth-letta:backup.enabled is false",
      "pulumi config set --path 'thoth-letta:backup.enabled' true -s letta, then make letta-start",
    ),
  ],
  [
    "of a version without backups has to be brought up again",
    { backup: undefined },
    new UserError("an older version brought stack letta up last", "make letta-start"),
  ],
])("a letta stack %s", async (_, changes, error) => {
  const stdout = JSON.stringify({ ...lettaOutputs, ...changes });
  fakeStacks({ pulumi: { "stack output --json --show-secrets --stack letta": { stdout } } });
  await expect(readBackupStack(fakeDeps(), "letta")).rejects.toThrow(error);
});

test("a container for one job has no network, no log, and nothing secret in its arguments", () => {
  const args = ["restore", "--target", "latest"];
  const call = oneOff(site, { name: "restore", args, cluster: "new", input: "more" });
  expect(call.docker.join(" ")).toBe(
    `${agentRun} --network none --log-driver none --name letta-restore --label thoth-letta.prefix=letta ` +
      "--volume letta-backup:/var/lib/backup:ro --volume new:/var/lib/postgresql/data " +
      "--entrypoint backup image:1 --settings - restore --target latest",
  );
  expect(call.input).toBe('{"recoveryKey":"secret"}\nmore');
});

test("only a command that asks for it may write to the repository", () => {
  const { docker } = oneOff(site, { name: "import", args: ["import"], writesRepository: true });
  expect(docker).toContain("letta-backup:/var/lib/backup");
});

test.each([
  ["runs", inspected(), "exec letta-backup backup list"],
  ["is stopped", inspected({ Status: "exited" }), agentRun],
  ["is gone", notThere, agentRun],
])("what only reads asks the serving container when it %s", async (_how, state, start) => {
  fakePrograms({ docker: { "container inspect letta-backup": state } });
  const call = await reading(fakeDeps(), { ...site, letta: lettaOutputs, containers }, ["list"]);
  expect(call.docker.join(" ").startsWith(start)).toBe(true);
});
