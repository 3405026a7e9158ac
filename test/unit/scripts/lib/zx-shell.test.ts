import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { zxShell } from "../../../../scripts/lib/zx-shell.ts";

test("a program that ends without reading its input is told by its exit code alone", async () => {
  const $ = zxShell({ env: { PATH: process.env.PATH ?? "" }, cwd: tmpdir() });
  const run = $({ nothrow: true, input: "x".repeat(4_000_000) });
  expect((await run`exit 3`).exitCode).toBe(3);
});
