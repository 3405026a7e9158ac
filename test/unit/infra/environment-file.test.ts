import { execFileSync } from "node:child_process";
import * as pulumi from "@pulumi/pulumi";
import { expect, test } from "vitest";
import { environmentFile } from "../../../infra/components/service/files.ts";
import { temporaryFiles } from "../../support/temporary.ts";

/** What a program sees of the environment that /bin/sh made of the file, in the way the container does it. */
async function environmentAfterShell(env: Record<string, string>): Promise<Record<string, string>> {
  const text = await new Promise<string>((resolve) => environmentFile(env).apply(resolve));
  const folder = temporaryFiles({ "secrets.env": text });
  const output = execFileSync("/bin/sh", ["-c", `set -a; . ${folder}/secrets.env; set +a; exec env -0`], {
    encoding: "utf8",
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: "/home/of/test" },
  });
  const lines = output.split("\0").filter((line) => line !== "");
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

test("every value comes out of the shell as it went in", async () => {
  const env = {
    PLAIN: "abc-123",
    EMPTY: "",
    SPACES: "  two  words  ",
    SINGLE: "it's",
    ONLY_QUOTES: "'''",
    DOUBLE: 'say "hi"',
    MIXED: `a'b"c'd`,
    NEWLINES: "first\nsecond\n\nlast\n",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's syntax, not ours
    DOLLARS: "$HOME ${HOME} $(echo run) `echo run` $$",
    BACKSLASHES: "a\\b\\\\c\\n\\",
    GLOB: "* ? [a-z] ~ ~root",
    OPERATORS: "a; false && exit 1 | cat & # no comment",
    EQUALS: "a=b=c",
    JSON: '{"key": "it\'s $5 \\"net\\""}',
    INJECTION: "'; INJECTED=1; '\nINJECTED=1\n'\nINJECTED='1",
    UNICODE: "naïve — 論文",
  };
  const seen = await environmentAfterShell(env);
  expect(seen).toMatchObject(env);
  expect(seen).not.toHaveProperty("INJECTED");
});

test("the file is a secret, though none of its values is", async () => {
  expect(await pulumi.isSecret(environmentFile({ A: "open" }))).toBe(true);
});
