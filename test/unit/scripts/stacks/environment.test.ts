import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { projectEnvironment } from "../../../../scripts/lib/checkout.ts";
import { runMain } from "../../../support/run-main.ts";

const awkward = `${process.env.PATH}:/opt/it's "here": $HOME \`date\` \\n`;
const bare = { PULUMI_BACKEND_URL: undefined, PULUMI_CONFIG_PASSPHRASE_FILE: undefined };

test.each([["bash"], ["sh"]])("%s takes the lines as they are, whatever is in the values", (shell) => {
  const env = { PATH: awkward, PULUMI_CONFIG_PASSPHRASE: undefined, ...bare };
  const { stdout, exitCode } = runMain(["environment"], env);
  expect(exitCode).toBe(0);
  const script = `eval "$LINES_OF_IT"; printf '%s\\n' "$PATH" "$PULUMI_BACKEND_URL" "$PULUMI_CONFIG_PASSPHRASE_FILE"`;
  const evaluated = spawnSync(shell, ["-c", script], {
    encoding: "utf8",
    // A bash whose standard input is a socket takes itself for a remote one, and reads the user's files.
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: awkward, LINES_OF_IT: stdout },
  });
  const { PATH, PULUMI_BACKEND_URL, PULUMI_CONFIG_PASSPHRASE_FILE } = projectEnvironment({ PATH: awkward });
  expect(evaluated).toMatchObject({ status: 0, stderr: "" });
  expect(evaluated.stdout).toBe(`${PATH}\n${PULUMI_BACKEND_URL}\n${PULUMI_CONFIG_PASSPHRASE_FILE}\n`);
});

test("only what differs is printed: nothing the second time, and nothing of the operator's own", () => {
  const { stdout } = runMain(["environment"], { PRIVATE_KEY: "hunter2", ...bare });
  expect(stdout).toMatch(/^export PULUMI_BACKEND_URL=/m);
  expect(stdout).not.toContain("hunter2");
  expect(runMain(["environment"], projectEnvironment()).stdout).toBe("");
});
