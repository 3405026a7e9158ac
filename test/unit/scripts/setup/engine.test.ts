import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { removeStalePidFile } from "../../../../scripts/setup/engine.ts";

const pidFile = (content: string) => {
  const file = join(mkdtempSync(join(tmpdir(), "pid-file-")), "daemon.pid");
  writeFileSync(file, content);
  return file;
};
const ownProgram = readFileSync("/proc/self/comm", "utf8").trim();

test("a pid file of a process that runs the daemon stays", () => {
  const file = pidFile(`${process.pid}\n`);
  removeStalePidFile(file, ownProgram);
  expect(existsSync(file)).toBe(true);
});

test("a pid file whose process id another program has now is removed", () => {
  const file = pidFile(String(process.pid));
  removeStalePidFile(file, "dockerd");
  expect(existsSync(file)).toBe(false);
});

test("a pid file of a dead process is removed", () => {
  const file = pidFile("4194305");
  removeStalePidFile(file, "dockerd");
  expect(existsSync(file)).toBe(false);
});
