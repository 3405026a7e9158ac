import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { docker, dockerOutput, inspectContainer } from "../../infra/lib/docker/engine.ts";
import { migrate } from "../../infra/lib/letta/migrate.ts";
import { type ProbeResult, probeLetta } from "../../infra/lib/letta/probe.ts";
import { root } from "../../scripts/lib/checkout.ts";
import type { LettaStack } from "../../scripts/lib/stacks.ts";
import { killFirstProcess, killProcess } from "../support/kill.ts";
import { sharedStacks } from "../support/shared-stacks.ts";

const stacks = sharedStacks();
const [postgres, redis, server] = ["postgres", "redis", "server"].map((role) => `${stacks.letta}-${role}`) as [
  string,
  string,
  string,
];
let letta: LettaStack;
let postgresImage: string;
beforeAll(async () => {
  letta = await stacks.lettaOutputs();
  postgresImage = (await inspectContainer(postgres))?.Config.Image ?? "";
});

const failedProbes = async (): Promise<ProbeResult[]> =>
  (await probeLetta(await stacks.lettaEndpoint())).filter(({ ok }) => !ok);

describe("a service that dies", () => {
  test.each([
    ["Redis", redis],
    ["Postgres", postgres],
  ])("%s restarts after a crash, and Letta keeps working without a restart", async (_name, container) => {
    const before = await inspectContainer(server);
    const restarts = (await inspectContainer(container))?.RestartCount ?? 0;
    await killFirstProcess(container);
    await expect.poll(failedProbes, { timeout: 120_000, interval: 500 }).toEqual([]);
    expect((await inspectContainer(container))?.RestartCount).toBe(restarts + 1);
    expect((await inspectContainer(server))?.State.StartedAt).toBe(before?.State.StartedAt);
  });
});

describe("the processes of Letta's server", () => {
  /** Of the server alone, without the tools that it runs. */
  async function processes(): Promise<{ pid: string; niceness: number }[]> {
    const rows = (await dockerOutput(["top", server, "-o", "pid,ni,args"])).trim().split("\n").slice(1);
    return rows
      .map((row) => row.trim().split(/\s+/))
      .filter(([, , program, file]) => program === "python3" && file?.endsWith("/serve.py"))
      .map(([pid = "", niceness]) => ({ pid, niceness: Number(niceness) }));
  }

  test("are a parent, one for requests, and one for runs, which has a lower priority", async () => {
    const found = (await processes()).map(({ niceness }) => niceness);
    expect(found.sort((first, second) => first - second)).toEqual([0, 0, 10]);
  });

  test("end together when one is killed, and the container comes back", async () => {
    const before = await inspectContainer(server);
    const runs = (await processes()).find(({ niceness }) => niceness > 0);
    await killProcess(runs?.pid ?? "", postgresImage);
    const restarts = async () => (await inspectContainer(server))?.RestartCount;
    await expect.poll(restarts, { timeout: 120_000, interval: 500 }).toBe((before?.RestartCount ?? 0) + 1);
    await expect.poll(failedProbes, { timeout: 120_000, interval: 500 }).toEqual([]);
    const { stdout, stderr } = await docker(["logs", "--since", before?.State.StartedAt ?? "", server]);
    expect(`${stdout}${stderr}`).toContain("run process 1 of 1 exited with -9: stopping the others");
  });
});

test("a second Postgres on the same volume is refused", async () => {
  const guard = join(root, "images/postgres/uploads/guard.sh");
  const data = "/var/lib/postgresql/data";
  const { exitCode, output } = await stacks.engine([
    ...["run", "--rm", "--name", `${stacks.letta}-second-postgres`, "--entrypoint", "bash"],
    ...["--env", "POSTGRES_LOCK_WAIT_SECONDS=1", "--env", `PGDATA=${data}/pgdata`],
    ...["--volume", `${letta.volumes.postgres}:${data}`, "--volume", `${guard}:/usr/local/bin/postgres-guard:ro`],
    ...[postgresImage, "/usr/local/bin/postgres-guard", "postgres"],
  ]);
  expect(output).toContain(`REFUSED: another Postgres holds ${data}/.postgres.lock`);
  expect(exitCode).toBe(75);
});

describe("the migration", () => {
  const migrateHere = async () => {
    const url = new URL(letta.hostDatabaseUrl);
    return migrate({
      image: (await inspectContainer(server))?.Config.Image ?? "",
      containerName: `${stacks.letta}-server-migration`,
      network: letta.network.name,
      databaseUrl: `postgresql://${url.username}:${url.password}@letta-postgres:5432/letta`,
      host: url.hostname,
      port: Number(url.port),
      database: "letta",
      user: url.username,
      password: url.password,
    });
  };

  test("rebuilds an index that an interrupted run left invalid, and drops a leftover copy", async () => {
    const invalidate = (index: string) =>
      stacks.psql(`update pg_index set indisvalid = false where indexrelid = '${index}'::regclass`, "letta");
    await invalidate("ix_step_id");
    await stacks.psql("create index ix_step_id_ccnew on provider_traces (step_id)", "letta");
    await invalidate("ix_step_id_ccnew");
    expect(await migrateHere()).toBe(letta.schemaVersion);
    const indexes = "select relname, indisvalid from pg_index join pg_class on oid = indexrelid where relname";
    expect(await stacks.psql(`${indexes} like 'ix_step_id%'`, "letta")).toBe("ix_step_id|t");
  });

  test("that fails says why and hides the password", async () => {
    const setVersion = (version: string) =>
      stacks.psql(`update alembic_version set version_num = '${version}'`, "letta");
    await setVersion("ffffffffffff");
    const failure = await migrateHere().catch(String);
    await setVersion(letta.schemaVersion);
    expect(failure).toContain("the migration of Letta's database failed, so the server was not started");
    expect(failure).toContain("Can't locate revision identified by 'ffffffffffff'");
    expect(failure).not.toContain(new URL(letta.hostDatabaseUrl).password);
  });
});
