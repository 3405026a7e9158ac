import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { UserError } from "../../../../../infra/lib/errors.ts";
import { callAgent, describeEvent } from "../../../../../scripts/lib/backup-agent/call.ts";
import { engineDown } from "../../../../support/container-state.ts";
import { fakeDeps } from "../../../../support/fake-deps.ts";
import { fakeDocker } from "../../../../support/fake-docker.ts";
import { temporaryFiles } from "../../../../support/temporary.ts";

const events = (...all: object[]) => all.map((event) => `${JSON.stringify(event)}\n`).join("");
const result = events({ event: "result", value: { ok: true } });
const name = "verify";
const exec = ["exec", "letta-backup", "backup", name];

describe("a command of the agent", () => {
  test("reports its steps as they come, and returns its result", async () => {
    const steps = events(
      { event: "step", title: "reading" },
      { event: "log", line: "hello" },
      { event: "progress", step: "reading", bytes: 1024, totalBytes: 4096, secondsLeft: 61 },
    );
    fakeDocker({ "exec letta-backup backup verify": { stdout: steps + result } });
    const lines: string[] = [];
    expect(await callAgent(fakeDeps(), { name, docker: exec }, (line) => lines.push(line))).toEqual({ ok: true });
    expect(lines).toEqual(["reading", "hello", "reading: 1.0 KiB of 4.0 KiB, 25 %, 1 min 1 s left"]);
  });

  test("that ends in an error says what the agent says, and what fixes it", async () => {
    fakeDocker({ exec: { stdout: events({ event: "error", problem: "no room", fix: "make room" }), exitCode: 1 } });
    await expect(callAgent(fakeDeps(), { name, docker: exec })).rejects.toThrow(new UserError("no room", "make room"));
  });

  test("in a container that does not run names the container and what starts it", async () => {
    fakeDocker({ exec: { stderr: "Error: Container 0123 is not running\n", exitCode: 1 } });
    await expect(callAgent(fakeDeps(), { name, docker: ["exec", "-i", ...exec.slice(1)] })).rejects.toThrow(
      new UserError("container letta-backup does not run", "make letta-start"),
    );
  });

  test("without an engine says so", async () => {
    fakeDocker({ exec: engineDown });
    await expect(callAgent(fakeDeps(), { name, docker: exec })).rejects.toThrow("the Docker engine does not answer");
  });

  test("that dies without an error event shows its last lines", async () => {
    fakeDocker({ exec: { stdout: "Segmentation fault\n", exitCode: 139 } });
    await expect(callAgent(fakeDeps(), { name, docker: exec })).rejects.toThrow(
      "backup verify failed:\n    Segmentation fault\n    exit code 139",
    );
  });

  test("reads its secrets and then a file on its standard input", async () => {
    const folder = temporaryFiles({ archive: "the archive" });
    const docker = fakeDocker({ run: { stdout: result } });
    const call = {
      name,
      docker: ["run", "image", "backup", "import"],
      input: "settings\n",
      inputFile: join(folder, "archive"),
    };
    await callAgent(fakeDeps(), call);
    expect(docker.lastInput()).toBe("settings\nthe archive");
  });

  test("that produces data writes it to a file and still reports its events", async () => {
    const outputFile = join(temporaryFiles({}), "archive");
    fakeDocker({ exec: { stdout: "data", stderr: result } });
    expect(await callAgent(fakeDeps(), { name, docker: exec, outputFile })).toEqual({ ok: true });
    expect(readFileSync(outputFile, "utf8")).toBe("data");
  });

  test("pipes its data to another program, and fails when that fails", async () => {
    const consumer = { name: "pg_restore", docker: ["run", "pg_restore"] };
    const programs = fakeDocker({ exec: { stdout: "data", stderr: result }, run: [{}, { stderr: "no", exitCode: 1 }] });
    expect(await callAgent(fakeDeps(), { name, docker: exec, consumer })).toEqual({ ok: true });
    expect(programs.lastInput()).toBe("data");
    await expect(callAgent(fakeDeps(), { name, docker: exec, consumer })).rejects.toThrow("pg_restore failed:\n    no");
  });
});

test.each([
  [{ event: "progress", step: "s", bytes: 2048, totalBytes: null, secondsLeft: null }, "s: 2.0 KiB"],
  [{ event: "progress", step: "s", bytes: 0, totalBytes: 0, secondsLeft: 0 }, "s: 0 B, 0 s left"],
  [{ event: "result", value: 1 }, undefined],
] as const)("%j is shown as %s", (event, line) => {
  expect(describeEvent(event)).toBe(line);
});
