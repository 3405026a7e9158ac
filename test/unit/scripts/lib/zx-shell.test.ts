import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { zxShell } from "../../../../scripts/lib/zx-shell.ts";
import { temporaryFiles } from "../../../support/temporary.ts";

test("a program that ends without reading its input is reported by its exit code alone", async () => {
  const $ = zxShell({ env: { PATH: process.env.PATH ?? "" }, cwd: tmpdir() });
  const run = $({ nothrow: true, input: "x".repeat(4_000_000) });
  expect((await run`exit 3`).exitCode).toBe(3);
});

test("the shell does not read ~/.bashrc, whatever the environment lacks", async () => {
  const HOME = temporaryFiles({ ".bashrc": "echo noise; echo noise >&2\n" });
  const $ = zxShell({ env: { PATH: process.env.PATH ?? "", HOME }, cwd: tmpdir() });
  const { stdout, stderr } = await $`echo work`;
  expect([stdout, stderr]).toEqual(["work\n", ""]);
});
