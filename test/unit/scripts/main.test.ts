import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { root } from "../../../scripts/lib/checkout.ts";
import { engineDown } from "../../support/container-state.ts";
import { fakePrograms } from "../../support/fake-programs.ts";
import { runMain } from "../../support/run-main.ts";

describe("the command line", () => {
  test.each([[["lett"]], [["letta", "strat"]], [["thoth", "stop", "--now"]]])(
    "%j is refused, with the help",
    async (args) => {
      const { exitCode, stderr } = await runMain(args);
      expect(exitCode).not.toBe(0);
      expect(stderr).toMatch(/^error: unknown (command|option)/);
      expect(stderr).toContain("Usage: thoth-letta");
    },
  );

  test("what the operator can fix is printed without a stack", async () => {
    fakePrograms({ docker: { version: engineDown } });
    expect(await runMain(["letta", "start"])).toEqual({
      exitCode: 1,
      stdout: "",
      stderr:
        "error: the Docker engine does not answer\n  fix: start Docker, or let `make setup` install and start one\n",
    });
  });

  test("anything else is printed with one, redacted", async () => {
    fakePrograms({ docker: { version: { exitCode: 1, stderr: "broken at tcp://user:s3cret@host\n" } } });
    const { exitCode, stderr } = await runMain(["letta", "start"]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^error: Error: the Docker engine: broken at tcp:\/\/user:\[redacted\]@host\n {4}at /);
  });
});

describe("make", () => {
  const make = (...args: string[]) => {
    const env = { ...process.env, MAKEFLAGS: undefined, MAKELEVEL: undefined };
    // Whatever the times of files are: a test must not install anything.
    const old = ["--old-file", "node_modules/.package-lock.json"];
    const { status, stdout, stderr } = spawnSync("make", [...old, ...args], { cwd: root, encoding: "utf8", env });
    return { status, stdout, stderr };
  };

  test("hands the target and its variables over as they are, whatever is in them", () => {
    const { stderr } = make("letta-stop", `YES=it's "a" $$value`);
    expect(stderr).toContain(`error: YES=it's "a" $value is not a valid switch`);
  });

  test("refuses a variable that the command does not take, a directory's name included", () => {
    expect(make("docs", "TO=1").stderr).toContain("error: make docs does not take TO\n  fix: make docs");
  });

  test("without a target shows the help", () => {
    expect(make().stdout).toContain("  make letta-start ");
  });
});
