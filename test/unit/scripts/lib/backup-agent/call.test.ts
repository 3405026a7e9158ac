import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { UserError } from "../../../../../infra/lib/errors.ts";
import { type AgentCall, callAgent, describeEvent } from "../../../../../scripts/lib/backup-agent/call.ts";
import { engineDown } from "../../../../support/container-state.ts";
import { fakeDeps } from "../../../../support/fake-deps.ts";
import { type FakeAnswer, fakeDocker } from "../../../../support/fake-docker.ts";
import type { FakeAnswers } from "../../../../support/fake-programs.ts";
import { temporaryFiles, temporaryFolder } from "../../../../support/temporary.ts";

const events = (...all: object[]) => all.map((event) => `${JSON.stringify(event)}\n`).join("");
const result = events({ event: "result", value: { ok: true } });
const name = "verify";
const exec = ["exec", "letta-backup", "backup", name];

/** Calls the agent through a fake docker that answers so. */
function called(answers: FakeAnswers, call: Partial<AgentCall> = {}, report?: (line: string) => void) {
  const docker = fakeDocker(answers);
  return { docker, result: callAgent(fakeDeps(), { name, docker: exec, ...call }, report) };
}

describe("a command of the agent", () => {
  test("reports its steps as they come, and returns its result", async () => {
    const steps = events(
      { event: "step", title: "reading" },
      { event: "log", line: "hello" },
      { event: "progress", step: "reading", bytes: 1024, totalBytes: 4096, secondsLeft: 61 },
    );
    const lines: string[] = [];
    const answers = { "exec letta-backup backup verify": { stdout: steps + result } };
    expect(await called(answers, {}, (line) => lines.push(line)).result).toEqual({ ok: true });
    expect(lines).toEqual(["reading", "hello", "reading: 1.0 KiB of 4.0 KiB, 25 %, 1 min 1 s left"]);
  });

  const error = events({ event: "error", problem: "no room", fix: "make room" });
  const died = { stdout: "Segmentation fault\n", exitCode: 139 };
  const stopped = { stderr: "Error: Container 0123 is not running\n", exitCode: 1 };
  test.each<[string, FakeAnswer, UserError | string]>([
    ["says what the agent says", { stdout: error, exitCode: 1 }, new UserError("no room", "make room")],
    ["names its stopped container", stopped, new UserError("container letta-backup does not run", "make letta-start")],
    ["says that there is no engine", engineDown, "the Docker engine does not answer"],
    ["shows its last lines", died, "backup verify failed:\n    Segmentation fault\n    exit code 139"],
  ])("that fails %s", async (_, answer, message) => {
    await expect(called({ exec: answer }).result).rejects.toThrow(message);
    const interactive = { docker: ["exec", "-i", ...exec.slice(1)] };
    await expect(called({ exec: answer }, interactive).result).rejects.toThrow(message);
  });

  test("reads its secrets and then a file on its standard input", async () => {
    const inputFile = join(temporaryFiles({ archive: "the archive" }), "archive");
    const call = { docker: ["run", "image", "backup", "import"], input: "settings\n", inputFile };
    const { docker, result: done } = called({ run: { stdout: result } }, call);
    await done;
    expect(docker.lastInput()).toBe("settings\nthe archive");
  });

  test("that produces data writes it to a file and still reports its events", async () => {
    const outputFile = join(temporaryFolder(), "archive");
    const answers = { exec: { stdout: "data", stderr: result } };
    expect(await called(answers, { outputFile }).result).toEqual({ ok: true });
    expect(readFileSync(outputFile, "utf8")).toBe("data");
  });

  test("pipes its data to another program, and fails when that fails", async () => {
    const consumer = { name: "pg_restore", docker: ["run", "pg_restore"] };
    const data = { stdout: "data", stderr: result };
    const { docker, result: done } = called({ exec: data, run: {} }, { consumer });
    expect(await done).toEqual({ ok: true });
    expect(docker.lastInput()).toBe("data");
    const failed = called({ exec: data, run: { stderr: "no", exitCode: 1 } }, { consumer });
    await expect(failed.result).rejects.toThrow("pg_restore failed:\n    no");
  });
});

test.each([
  [{ event: "progress", step: "s", bytes: 2048, totalBytes: null, secondsLeft: null }, "s: 2.0 KiB"],
  [{ event: "progress", step: "s", bytes: 0, totalBytes: 0, secondsLeft: 0 }, "s: 0 B, 0 s left"],
  [{ event: "result", value: 1 }, undefined],
] as const)("%j is shown as %s", (event, line) => {
  expect(describeEvent(event)).toBe(line);
});
