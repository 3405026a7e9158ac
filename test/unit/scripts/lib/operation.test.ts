import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { UserError } from "../../../../infra/lib/errors.ts";
import {
  endOperation,
  type Operation,
  readOperation,
  requireNoOperation,
  saveOperation,
  stamp,
} from "../../../../scripts/lib/operation.ts";
import { writeWholeJson } from "../../../../scripts/lib/whole-file.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";

const begun = { kind: "server-restore", stack: "letta", id: "20261122223503", phase: "restoring" };
const path = (folder: string) => join(folder, ".state/operations/letta.json");
/** The number of a process that has ended. */
const ended = spawnSync("true").pid;

test("an operation is recorded for its owner alone, until it has ended", async () => {
  const deps = fakeDeps();
  const saved = await saveOperation(deps, begun);
  expect(await readOperation(deps, "letta")).toEqual(saved);
  expect(statSync(path(deps.projectDirectory)).mode & 0o777).toBe(0o600);
  expect(readdirSync(join(deps.projectDirectory, ".state/operations"))).toEqual(["letta.json"]);
  await endOperation(deps, saved);
  expect(existsSync(path(deps.projectDirectory))).toBe(false);
  expect(await readOperation(deps, "letta")).toBeUndefined();
  await requireNoOperation(deps, "letta");
});

test("the status page is told of an operation, of each of its phases, and of its end", async () => {
  const deps = fakeDeps();
  const saved = await saveOperation(deps, { ...begun, stack: "other", resume: "make that" });
  await saveOperation(deps, { ...begun, stack: "other", phase: "checking" });
  await endOperation(deps, saved);
  const note = (operation: object | null) => ["other-page", "operation", { at: expect.any(String), operation }];
  const { kind } = begun;
  expect(deps.told).toEqual([
    note({ kind, phase: "restoring", resume: "make that" }),
    note({ kind, phase: "checking", resume: "make restore-resume" }),
    note(null),
  ]);
});

test("an operation of another stack does not matter", async () => {
  const deps = fakeDeps();
  await saveOperation(deps, { ...begun, stack: "other" });
  await requireNoOperation(deps, "letta");
});

const here = { pid: process.ppid, hostname: hostname() };
const interrupted = "server restore of stack letta was interrupted (restoring)";
const running = "server restore of stack letta is running";
test.each<[string, Operation["process"], object, UserError]>([
  ["ended names what resumes it", { ...here, pid: ended }, {}, new UserError(interrupted, "make restore-resume")],
  ["ended names its own", { ...here, pid: ended }, { resume: "make that" }, new UserError(interrupted, "make that")],
  ["has its id reused", { ...here, program: "another" }, {}, new UserError(interrupted, "make restore-resume")],
  ["is alive", here, {}, new UserError(`${running} (process ${here.pid} on ${hostname()})`, "wait for it to end")],
  [
    "is on another machine",
    { pid: 1, hostname: "elsewhere" },
    {},
    new UserError(`${running} (process 1 on elsewhere)`, "wait for it to end"),
  ],
])("an operation whose process %s keeps the next one from starting", async (_, process, more, error) => {
  const deps = fakeDeps();
  await writeWholeJson(path(deps.projectDirectory), { ...begun, ...more, process });
  await expect(requireNoOperation(deps, "letta")).rejects.toThrow(error);
});

test("names carry the moment in UTC", () => {
  expect(stamp(new Date("2026-11-22T23:35:03.987+01:00"))).toBe("20261122223503");
});
