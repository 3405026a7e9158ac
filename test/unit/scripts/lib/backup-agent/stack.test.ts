import { describe, expect, test } from "vitest";
import { UserError } from "../../../../../infra/lib/errors.ts";
import { oneOff, readBackupStack, reading } from "../../../../../scripts/lib/backup-agent/stack.ts";
import { inspected, notThere } from "../../../../support/container-state.ts";
import { fakeDeps } from "../../../../support/fake-deps.ts";
import { type FakeAnswers, fakePrograms } from "../../../../support/fake-programs.ts";
import { agentRun, dockerAnswers, lettaOutputs, pulumiAnswers } from "../../../../support/fake-stacks.ts";

const outputsOf = (outputs: object): FakeAnswers => ({
  "stack output --json --show-secrets --stack letta": { stdout: JSON.stringify(outputs) },
});
const site = {
  stack: "letta",
  prefix: "letta",
  image: "image:1",
  settings: '{"recoveryKey":"secret"}',
  repository: "letta-backup",
};

describe("a letta stack as its backups need it", () => {
  test("has volumes, containers and the image that made the backups", async () => {
    fakePrograms({ docker: dockerAnswers(), pulumi: pulumiAnswers() });
    expect(await readBackupStack(fakeDeps(), "letta")).toMatchObject({
      prefix: "letta",
      image: "image:1",
      settings: '{"recoveryKey":"recovery-key"}',
      repository: "letta-backup",
      containers: { postgres: "letta-postgres", backup: "letta-backup", drill: "letta-drill" },
    });
  });

  test("that has no backups says how it gets them", async () => {
    const { backupSettings: _, ...outputs } = { ...lettaOutputs, backup: { ...lettaOutputs.backup, enabled: false } };
    fakePrograms({ docker: dockerAnswers(), pulumi: pulumiAnswers(outputsOf(outputs)) });
    await expect(readBackupStack(fakeDeps(), "letta")).rejects.toThrow(
      new UserError(
        "stack letta has no backups: thoth-letta:backup.enabled is false",
        "pulumi config set --path 'thoth-letta:backup.enabled' true -s letta, then make letta-start",
      ),
    );
  });

  test("of a version without backups has to be brought up again", async () => {
    const { backup: _, ...outputs } = lettaOutputs;
    fakePrograms({ docker: dockerAnswers(), pulumi: pulumiAnswers(outputsOf(outputs)) });
    await expect(readBackupStack(fakeDeps(), "letta")).rejects.toThrow(
      new UserError("an older version brought stack letta up last", "make letta-start"),
    );
  });
});

test("a container for one job has no network, no log, and nothing secret in its arguments", () => {
  const call = oneOff(site, {
    name: "restore",
    args: ["restore", "--target", "latest"],
    cluster: "new",
    input: "more",
  });
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
  const containers = { postgres: "letta-postgres", backup: "letta-backup", drill: "letta-drill" };
  const call = await reading(fakeDeps(), { ...site, letta: lettaOutputs, containers }, ["list"]);
  expect(call.docker.join(" ").startsWith(start)).toBe(true);
});
