import { spawnSync } from "node:child_process";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { startLetta } from "../../../../scripts/letta/start.ts";
import { readOperation } from "../../../../scripts/lib/operation.ts";
import { writeWholeJson } from "../../../../scripts/lib/whole-file.ts";
import type { ProjectRestore } from "../../../../scripts/restore/operation.ts";
import { restoreProject, restoreTables, undoProjectRestore } from "../../../../scripts/restore/project.ts";
import { backedUpStack } from "../../../support/fake-backups.ts";
import type { FakeAnswers } from "../../../support/fake-programs.ts";
import { agentResult, agentRun } from "../../../support/fake-stacks.ts";

const options = { stack: "letta", yes: true, dryRun: false, project: "thoth", point: "good" };
const psql = "exec -i letta-postgres psql";
const extracting = `${agentRun} --network none --log-driver none --name letta-extract`;

/** A stack on whose Postgres every query has these rows. */
function stackWith(rows: string, docker: FakeAnswers = {}) {
  return backedUpStack({
    docker: {
      ...docker,
      [psql]: { stdout: rows },
      [extracting]: { stderr: agentResult({ database: "thoth" }).stdout ?? "" },
      "exec -i letta-postgres pg_restore": {},
      "exec letta-postgres pg_dump": {},
      ...docker,
    },
  });
}
const id = "20261122223503";
/** Command lines without the moments in their names. */
const shown = (calls: readonly string[]) => calls.map((call) => call.replaceAll(/\d{14}/g, "ID"));

describe("restore of one project", () => {
  test("runs next to the server, loads under another name, and leaves nothing behind", async () => {
    const { programs, deps } = stackWith("1\n");
    expect(await restoreProject(options, deps)).toBe(0);
    const calls = shown(programs.calls());
    expect(calls.find((call) => call.includes("letta-restore "))).toContain("restore --target name:good --only thoth");
    expect(calls.find((call) => call.includes("letta-extract "))).toContain("extract --database thoth");
    expect(calls.join("\n")).toMatch(/pg_restore .*--dbname thoth_restored_ID --exit-on-error/);
    expect(calls.findLast((call) => call.startsWith("docker volume"))).toBe(
      "docker volume rm --force letta-restore-ID",
    );
    expect(calls.join("\n")).not.toContain("docker stop");
    expect(await readOperation(deps, "letta")).toBeUndefined();
    expect(shown(deps.printed)).toContain(
      "database thoth of stack letta is restored; the previous one is kept as thoth_before_ID",
    );
  });

  test("of Letta's own database stops Letta for the swap, and starts it again", async () => {
    const { programs, deps } = stackWith("1\n");
    expect(await restoreProject({ ...options, project: "letta" }, deps)).toBe(0);
    const changes = programs.calls().flatMap((call) => /^docker stop .*|^pulumi up/.exec(call)?.[0] ?? []);
    expect(changes).toEqual(["docker stop letta-server", "pulumi up"]);
  });

  test("of single tables swaps nothing and asks nothing", async () => {
    const { programs, deps } = stackWith("1\n");
    expect(await restoreTables({ ...options, tables: "a,b" }, deps)).toBe(0);
    const calls = shown(programs.calls());
    expect(calls.find((call) => call.includes("letta-extract "))).toContain("extract --database thoth --tables a,b");
    expect(calls.join("\n")).toMatch(/pg_restore .*--section=pre-data --section=data/);
    expect(calls.join("\n")).toMatch(/pg_dump .*--schema=restored_\d{8}_\d{6} .*--dbname thoth_restored_ID/);
    expect(calls.join("\n")).not.toContain("rename");
    expect(deps.questions).toEqual([]);
  });

  test("is given up when fewer rows are loaded than there were", async () => {
    const extracted = { stderr: agentResult({ rows: { "public.notes": 2 } }).stdout ?? "" };
    const { deps } = stackWith("public.notes|1\n", { [extracting]: extracted });
    await expect(restoreProject(options, deps)).rejects.toThrow("not every row was loaded: public.notes: 2 -> 1");
    expect(deps.printed.at(-1)).toBe("nothing was restored; database thoth is as it was");
    expect(await readOperation(deps, "letta")).toBeUndefined();
  });

  test.each([
    ["in a dry run", { dryRun: true }, 0],
    ["where nobody can answer", { yes: false }, 1],
  ])("prints its plan and changes nothing %s", async (_where, own, exitCode) => {
    const { programs, deps } = stackWith("1\n");
    expect(await restoreProject({ ...options, ...own }, deps)).toBe(exitCode);
    expect(programs.calls().filter((call) => / run | volume /.test(call))).toEqual([]);
    expect(shown(deps.printed)).toContain("  kept       the present database, as thoth_before_ID");
  });

  test.each([
    ["of an unknown project", "thot", {}, 'there is no project "thot"\n  fix: use one of letta, thoth'],
    [
      "without Postgres",
      "thoth",
      { exitCode: 2 },
      "Postgres (letta-postgres) does not answer\n  fix: make letta-start",
    ],
  ])("%s is refused", async (_what, project, answer, problem) => {
    const { deps } = backedUpStack({ docker: { [psql]: answer } });
    await expect(restoreProject({ ...options, project }, deps)).rejects.toThrow(problem);
  });
});

/** A restore that was killed in this phase. */
async function killedIn(folder: string, phase: ProjectRestore["phase"]): Promise<void> {
  await writeWholeJson(join(folder, ".state/operations/letta.json"), {
    ...{ kind: "project-restore", phase, stack: "letta", id, project: "thoth", tables: [] },
    ...{ loaded: `thoth_restored_${id}`, kept: `thoth_before_${id}`, target: { type: "name", name: "good" } },
    process: { pid: spawnSync("true").pid, hostname: hostname() },
  });
}

describe("a restore of one project that was killed", () => {
  const end = "with allow_connections false";

  test("before the swap is undone by a start, once Postgres is up", async () => {
    const { programs, deps } = stackWith("thoth\n");
    await killedIn(deps.projectDirectory, "loading");
    expect(await startLetta({ stack: "letta" }, deps)).toBe(0);
    const calls = programs.calls().join("\n");
    expect(calls).toMatch(new RegExp(`pulumi up.*docker volume rm --force letta-restore-${id}`, "s"));
    expect(calls).not.toContain(end);
    expect(deps.printed.at(-1)).toBe("nothing was restored; database thoth is as it was");
  });

  test("in the swap is finished by a start", async () => {
    const { programs, deps } = stackWith(`thoth\nthoth_restored_${id}\n`);
    await killedIn(deps.projectDirectory, "swapping");
    expect(await startLetta({ stack: "letta" }, deps)).toBe(0);
    const swap = programs.calls().find((call) => call.includes(end)) ?? "";
    const rename = (from: string, to: string) => `alter database "${from}" rename to "${to}"`;
    expect(swap).toContain(`${rename("thoth", `thoth_before_${id}`)}; ${rename(`thoth_restored_${id}`, "thoth")}`);
    expect(swap).toContain("pg_terminate_backend");
  });
});

describe("undo of the restore of one project", () => {
  test("swaps in the newest kept database, and keeps the present one", async () => {
    const { programs, deps } = stackWith(`thoth\nthoth_before_${id}\n`);
    expect(await undoProjectRestore(options, deps)).toBe(0);
    const swap = programs.calls().find((call) => call.includes("rename to")) ?? "";
    expect(swap).toContain(`alter database "thoth_before_${id}" rename to "thoth"`);
    expect(swap).toMatch(/alter database "thoth" rename to "thoth_before_\d{14}"/);
    expect(programs.calls().join("\n")).not.toContain("docker volume rm");
  });

  test("is refused when there is none", async () => {
    const { deps } = stackWith("", { [psql]: [{ stdout: "1\n" }, { stdout: "1\n" }, {}] });
    await expect(undoProjectRestore(options, deps)).rejects.toThrow("there is no restore of project thoth to undo");
  });
});
