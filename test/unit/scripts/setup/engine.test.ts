import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { removeStalePidFile } from "../../../../scripts/setup/engine.ts";
import { temporaryFiles } from "../../../support/temporary.ts";

const ownProgram = readFileSync("/proc/self/comm", "utf8").trim();

test.each([
  ["a process that runs the daemon stays", `${process.pid}\n`, ownProgram, true],
  ["a process whose id another program has now is removed", String(process.pid), "dockerd", false],
  ["a dead process is removed", "4194305", "dockerd", false],
])("a pid file of %s", (_, text, program, stays) => {
  const file = join(temporaryFiles({ "daemon.pid": text }), "daemon.pid");
  removeStalePidFile(file, program);
  expect(existsSync(file)).toBe(stays);
});
