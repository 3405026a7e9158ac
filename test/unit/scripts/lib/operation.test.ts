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
/** Records it as another process did. */
async function leave(folder: string, process: Operation["process"], more: object = {}): Promise<void> {
  await writeWholeJson(path(folder), { ...begun, ...more, process });
}
const endedProcess = () => spawnSync("true").pid;

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

test("an operation of another stack does not matter", async () => {
  const deps = fakeDeps();
  await saveOperation(deps, { ...begun, stack: "other" });
  await requireNoOperation(deps, "letta");
});

test.each([
  [{}, "make restore-resume"],
  [{ resume: "make letta-upgrade" }, "make letta-upgrade"],
])("a killed one keeps the next one from starting, and names the command that resumes it", async (more, fix) => {
  const deps = fakeDeps();
  await leave(deps.projectDirectory, { pid: endedProcess(), hostname: hostname() }, more);
  await expect(requireNoOperation(deps, "letta")).rejects.toThrow(
    new UserError("server restore of stack letta was interrupted (restoring)", fix),
  );
});

test.each([
  ["is alive", { pid: process.ppid, hostname: hostname() }],
  ["is on another machine", { pid: 1, hostname: "elsewhere" }],
])("one whose process %s is running", async (_how, process) => {
  const deps = fakeDeps();
  await leave(deps.projectDirectory, process);
  await expect(requireNoOperation(deps, "letta")).rejects.toThrow(
    new UserError(
      `server restore of stack letta is running (process ${process.pid} on ${process.hostname})`,
      "wait for it to end",
    ),
  );
});

test("a program that reuses the process id does not count", async () => {
  const deps = fakeDeps();
  await leave(deps.projectDirectory, { pid: process.ppid, program: "another", hostname: hostname() });
  await expect(requireNoOperation(deps, "letta")).rejects.toThrow("was interrupted");
});

test("names carry the moment in UTC", () => {
  expect(stamp(new Date("2026-11-22T23:35:03.987+01:00"))).toBe("20261122223503");
});
