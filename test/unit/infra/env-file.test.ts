import { expect, test } from "vitest";
import { parseEnvFile, readEnvFile } from "../../../infra/lib/env-file.ts";
import { envFileLines } from "../../support/env-file-lines.ts";
import { temporaryFiles } from "../../support/temporary.ts";

test.each(envFileLines)("%j", (line, expected) => {
  expect(parseEnvFile(`FIRST=one\n${line}\nLAST=z`).values).toEqual({ FIRST: "one", ...expected, LAST: "z" });
});

test("a byte order mark, line ends of Windows and a last line without an end change nothing", () => {
  expect(parseEnvFile('\uFEFFA=1\r\n\r\n# note\r\nB="two\r\nlines"\r\nC=3').values).toEqual({
    A: "1",
    B: "two\nlines",
    C: "3",
  });
});

test("lines that set nothing are named, and the ones after them are read", () => {
  const text = 'A=1\nNAME\n\nB: 2\nD="x" y\nC="does not end\nE=5\n';
  expect(parseEnvFile(text)).toEqual({ values: { A: "1", E: "5" }, unread: [2, 4, 5, 6] });
});

test("names that a shell would not take, or would run, do not count", () => {
  const folder = temporaryFiles({ ".env": "GOOD=1\nMY-KEY=plain-key\n'$(touch x)'=1\n" });
  expect(readEnvFile(`${folder}/.env`)).toEqual({
    values: { GOOD: "1" },
    ignored: ["MY-KEY, which is not a variable name", "$(touch x), which is not a variable name"],
  });
});
