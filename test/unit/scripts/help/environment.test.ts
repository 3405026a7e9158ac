import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { environmentLines } from "../../../../scripts/help/environment.ts";
import { projectEnvironment, root } from "../../../../scripts/lib/checkout.ts";
import { runMain } from "../../../support/run-main.ts";

const awkward = `${process.env.PATH}:/opt/it's "here": $HOME \`date\` \\n`;

/** What a shell prints that evaluates the lines and then runs a script in the checkout. */
function evaluated(shell: string, lines: string, script: string) {
  return spawnSync(shell, ["-c", `eval "$LINES_OF_IT"; ${script}`], {
    encoding: "utf8",
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: awkward, LINES_OF_IT: lines, THOTH_LETTA_ROOT: root },
  });
}

test.each(["bash", "sh"])("%s evaluates the exports as they are, whatever is in the values", (shell) => {
  const lines = environmentLines({ PATH: awkward }).join("\n");
  const script = `printf '%s\\n' "$PATH" "$PULUMI_BACKEND_URL" "$PULUMI_CONFIG_PASSPHRASE_FILE"`;
  const { PATH, PULUMI_BACKEND_URL, PULUMI_CONFIG_PASSPHRASE_FILE } = projectEnvironment({ PATH: awkward });
  expect(evaluated(shell, lines, script)).toMatchObject({
    status: 0,
    stderr: "",
    stdout: `${PATH}\n${PULUMI_BACKEND_URL}\n${PULUMI_CONFIG_PASSPHRASE_FILE}\n`,
  });
});

test("only what differs is exported, and nothing of the operator's", () => {
  expect(environmentLines({ PRIVATE_KEY: "hunter2" }).join()).not.toContain("hunter2");
  expect(environmentLines(projectEnvironment())).toEqual([]);
});

describe("the scripts of version 3.0", () => {
  const actions = ["start", "stop", "status", "restart"];
  const names = ["letta", "thoth"].flatMap((stack) => actions.map((action) => `${stack}-${action}`));

  test.each([...names, "letta-migrate"])("scripts/%s.sh runs the command of its name, with its flags", (name) => {
    const [stack = "", action = ""] = name.split("-");
    const called = spawnSync(join(root, `scripts/${name}.sh`), ["--help"], { encoding: "utf8", cwd: "/" });
    expect(called.stdout).toContain(`Usage: thoth-letta ${stack} ${action} `);
  });
});

test.each([
  [["make", "thoth-st"], "thoth-start thoth-stop thoth-status"],
  [["make", "letta-stop", ""], "LETTA_STACK= YES=1"],
  [["make", "restore", "T"], "TABLES="],
  [["letta-stop", "--y"], "--yes"],
])("completion in bash of %j offers %s", async (words, offered) => {
  const args = `"${words[0]}" "${words.at(-1)}" ""`;
  const script = `COMP_WORDS=(${words.map((word) => `"${word}"`).join(" ")}); COMP_CWORD=${words.length - 1}
    _thoth_letta_bash ${args}; printf '%s' "\${COMPREPLY[*]}"`;
  const { stdout, stderr } = evaluated("bash", (await runMain(["environment"])).stdout, script);
  expect([stdout, stderr]).toEqual([offered, ""]);
});
