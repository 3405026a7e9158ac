import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { startLetta } from "../../../../scripts/letta/start.ts";
import type { Deps } from "../../../../scripts/lib/deps.ts";
import { readOperation } from "../../../../scripts/lib/operation.ts";
import { readConfigFile } from "../../../../scripts/lib/stack-file.ts";
import { writeWholeJson } from "../../../../scripts/lib/whole-file.ts";
import type { ServerRestore } from "../../../../scripts/restore/operation.ts";
import { resumeRestore } from "../../../../scripts/restore/resume.ts";
import { restoreServer, undoServerRestore } from "../../../../scripts/restore/server.ts";
import { backedUpStack, restored } from "../../../support/fake-backups.ts";
import { agentResult, agentRun } from "../../../support/fake-stacks.ts";

const options = { stack: "letta", yes: true, dryRun: false };
const toGood = { ...options, point: "good" };
const changes =
  /^(run .*--settings - .*|stop .*|volume create|volume rm|exec letta-backup backup (point|now)|state unprotect|up)/;
/** What changes something, each in a few words. */
const steps = (calls: readonly string[]) =>
  calls.flatMap((call) => {
    const [, ofDocker, ofPulumi] = /^(?:docker (.*)|pulumi (.*))/.exec(call) ?? [];
    const [what] = changes.exec(ofDocker ?? ofPulumi ?? "") ?? [];
    return what === undefined ? [] : [what.replace(/^run .*--settings - /, "agent: ").replace(/-\d{14}$/, "")];
  });
const stops = ["stop letta-nginx", "stop letta-server", "stop letta-postgres"];
const switching = [...stops, "state unprotect", "up"];
const point = "exec letta-backup backup point";
const full = "exec letta-backup backup now";
const volumeOf = (deps: Deps) => readConfigFile(deps, "letta").postgresVolume;
const switchesOf = (deps: Deps) => join(deps.projectDirectory, ".state/operations/letta.volumes.json");
const switches = (deps: Deps) => JSON.parse(readFileSync(switchesOf(deps), "utf8")) as object[];
const filling = ["volume rm", point, "volume create", "agent: restore --target name:good"];
const failed = (problem: string) => ({ exitCode: 1, stdout: `{"event":"error","problem":"${problem}"}\n` });

describe("restore of the whole server", () => {
  test("runs next to the server, and stops it only for the switch", async () => {
    const { programs, deps } = backedUpStack();
    expect(await restoreServer(toGood, deps)).toBe(0);
    expect(steps(programs.calls())).toEqual([...filling, ...switching, full]);
    expect(volumeOf(deps)).toMatch(/^letta-postgres-\d{14}$/);
    expect(switches(deps)).toEqual([{ id: expect.any(String), from: "letta-postgres", to: volumeOf(deps) }]);
    expect(await readOperation(deps, "letta")).toBeUndefined();
    expect(deps.printed.at(-1)).toBe("volume letta-postgres is kept unchanged: make restore-undo goes back to it");
  });

  const control = (checkpoint: string) => {
    const stdout = `Database cluster state: shut down\nLatest checkpoint location: ${checkpoint}\nBytes per WAL segment: 16777216\n`;
    return { "run --rm --network none": { stdout } };
  };
  const toLatest = { ...options, latest: true };
  const latest = ["volume create", "agent: restore --target latest"];

  test("to the latest state stops first, so that nothing is written that it would not have", async () => {
    const { programs, deps } = backedUpStack({ docker: control("0/3000028") });
    expect(await restoreServer(toLatest, deps)).toBe(0);
    expect(steps(programs.calls())).toEqual(["volume rm", point, ...stops, ...latest, ...switching, full]);
  });

  test("to the latest state is given up when the repository lacks the last writes", async () => {
    const { programs, deps } = backedUpStack({ docker: control("0/3000100") });
    await expect(restoreServer(toLatest, deps)).rejects.toThrow(
      "the repository lacks the last writes: volume letta-postgres (shut down) ends at 0/3000100, the restore at 0/2000028",
    );
    expect(steps(programs.calls()).slice(-2)).toEqual(["volume rm", "up"]);
    expect(volumeOf(deps)).toBeUndefined();
  });

  test("works while Postgres is down: what is archived comes back", async () => {
    const { programs, deps } = backedUpStack({ docker: { "exec -i letta-postgres psql": { exitCode: 1 } } });
    expect(await restoreServer(toLatest, deps)).toBe(0);
    expect(steps(programs.calls()).slice(0, 3)).toEqual(["volume rm", ...latest]);
    expect(deps.printed).toContain("  lost       what Postgres had not archived when it stopped");
  });

  test.each([
    [{ dryRun: true }, 0, [], "  kept       volume letta-postgres, unchanged: make restore-undo goes back to it"],
    [{ yes: false }, 1, ["continue?"], "nothing was changed; to go ahead without a question: make this YES=1"],
  ])("with %j prints its plan and changes nothing", async (own, exitCode, questions, last) => {
    const { programs, deps } = backedUpStack();
    expect(await restoreServer({ ...toGood, ...own }, deps)).toBe(exitCode);
    expect(deps.questions).toEqual(questions);
    expect(steps(programs.calls())).toEqual([]);
    expect(deps.printed).toContain("  lost       everything written after that, in all databases");
    expect(deps.printed.at(-1)).toBe(last);
  });

  const unsound = { ...restored, checks: [{ name: "amcheck", ok: false, detail: "bad page" }] };
  test.each([
    ["the agent fails", { [agentRun]: failed("damaged") }, "damaged"],
    ["a check fails", { [agentRun]: agentResult(unsound) }, "the restored data is damaged: amcheck"],
    ["archiving fails", { [point]: failed("not archived") }, "not archived"],
  ])("leaves everything as it was when %s", async (_what, docker, problem) => {
    const { programs, deps } = backedUpStack({ docker });
    await expect(restoreServer(toGood, deps)).rejects.toThrow(problem);
    expect(steps(programs.calls())).not.toContain("stop letta-postgres");
    expect(steps(programs.calls()).slice(-2)).toEqual(["volume rm", "up"]);
    expect(volumeOf(deps)).toBeUndefined();
    expect(await readOperation(deps, "letta")).toBeUndefined();
  });

  test("has worked even if its full backup fails, and says so", async () => {
    const { deps } = backedUpStack({ docker: { [full]: failed("no room") } });
    expect(await restoreServer(toGood, deps)).toBe(0);
    expect(deps.printed).toContain("warning: there is no full backup of the restored data yet: no room");
  });
});

const id = "20261122223503";
const to = `letta-postgres-${id}`;
/** A restore that was killed in this phase. */
async function killedIn(deps: Deps, phase: ServerRestore["phase"]): Promise<void> {
  await writeWholeJson(join(deps.projectDirectory, ".state/operations/letta.json"), {
    ...{ kind: "server-restore", phase, stack: "letta", id, from: "letta-postgres", to },
    ...{ target: { type: "name", name: "good" }, wasUp: true, rows: {} },
    process: { pid: spawnSync("true").pid, hostname: hostname() },
  });
}

describe("a restore that was killed", () => {
  test.each([
    ["restoring", "resume", [...filling, ...switching, full], to],
    ["switching", "resume", [...switching, full], to],
    ["checking", "resume", [full], undefined],
    ["restoring", "start", ["volume rm", "up"], undefined],
    ["switching", "start", [...switching, full, "up"], to],
  ] as const)("while %s is finished or undone by a %s", async (phase, command, expected, volume) => {
    const { programs, deps } = backedUpStack();
    await killedIn(deps, phase);
    expect(await { resume: resumeRestore, start: startLetta }[command]({ stack: "letta" }, deps)).toBe(0);
    expect(steps(programs.calls())).toEqual(expected);
    expect(programs.calls().join("\n")).not.toMatch(/volume rm (?!--force letta-postgres-20261122223503)/);
    expect(volumeOf(deps)).toBe(volume);
    expect(await readOperation(deps, "letta")).toBeUndefined();
  });

  test("keeps another one from starting", async () => {
    const { deps } = backedUpStack();
    await killedIn(deps, "switching");
    await expect(restoreServer(toGood, deps)).rejects.toThrow(
      "server restore of stack letta was interrupted (switching)\n  fix: make restore-resume",
    );
  });

  test("cannot be resumed when there is none", async () => {
    const { deps } = backedUpStack();
    await expect(resumeRestore({ stack: "letta" }, deps)).rejects.toThrow("no restore of stack letta was interrupted");
  });
});

describe("restore undo", () => {
  const afterRestore = (deps: Deps, used = "letta-postgres") =>
    writeWholeJson(switchesOf(deps), [{ id, from: "letta-postgres-old", to: used }]);

  test("moves the old volume to its own timeline, and switches to it", async () => {
    const { programs, deps } = backedUpStack();
    await afterRestore(deps);
    expect(await undoServerRestore(options, deps)).toBe(0);
    expect(steps(programs.calls())).toEqual([point, ...stops, "agent: rejoin", ...switching, full]);
    expect(volumeOf(deps)).toBe("letta-postgres-old");
    expect(switches(deps)).toHaveLength(2);
    expect(deps.printed.at(-1)).toBe("volume letta-postgres is kept unchanged: make restore-undo goes back to it");
  });

  test("reverses a restore that did not come up", async () => {
    const { programs, deps } = backedUpStack();
    await killedIn(deps, "switching");
    expect(await undoServerRestore(options, deps)).toBe(0);
    expect(steps(programs.calls())).toContain("agent: rejoin");
    expect(volumeOf(deps)).toBe("letta-postgres");
  });

  const nothing = "there is no restore of stack letta to undo";
  const gone =
    'volume letta-postgres-old, which was in use before, is gone\n  fix: make restore AT="…" restores a moment';
  test.each([
    ["nothing was restored", undefined, {}, nothing],
    ["another volume was set by hand", "another", {}, nothing],
    ["the old volume is gone", "letta-postgres", { "volume inspect": { exitCode: 1 } }, gone],
  ])("is refused when %s", async (_why, used, docker, problem) => {
    const { deps } = backedUpStack({ docker });
    if (used !== undefined) await afterRestore(deps, used);
    await expect(undoServerRestore(options, deps)).rejects.toThrow(problem);
  });
});
