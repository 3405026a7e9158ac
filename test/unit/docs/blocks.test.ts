import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "../../../scripts/lib/checkout.ts";
import { blocks, blocksIn, wrongMarks } from "./blocks.ts";
import { pages, readPage } from "./pages.ts";

describe("a page's blocks", () => {
  const only = (text: string) => blocksIn("page.md", text).map(({ page: _, line: __, ...block }) => block);
  const plain = { printed: [], config: "", mark: undefined };

  test("are commands, from the first line that is one", () => {
    const text = "# A\n\n    make up\n\n    docker ps   # all\n\ntext\n\n    curl localhost\n";
    expect(only(text)).toEqual([
      { ...plain, commands: ["make up", "docker ps   # all"] },
      { ...plain, commands: ["curl localhost"] },
    ]);
    expect(blocksIn("page.md", text).map(({ line }) => line)).toEqual([3, 9]);
  });

  test("tell what is typed from what is printed, where there are prompts", () => {
    expect(only("a\n\n    $ make status\n    stack letta: healthy\n")).toEqual([
      { ...plain, commands: ["make status"], printed: ["stack letta: healthy"] },
    ]);
  });

  test("have keys of the config, with the commands that go with them", () => {
    expect(only("a\n\n    thoth-letta:page:\n      enabled: false\n\n    $ make letta-start\n")).toEqual([
      { ...plain, commands: ["make letta-start"], config: "thoth-letta:page:\n  enabled: false" },
    ]);
  });

  test.each(["infra/index.ts → stacks", "LETTA_API_KEY=…", "  off-site copy: last", "Authorization: Bearer"])(
    "are not %s",
    (line) => expect(only(`a\n\n    ${line}\n`)).toEqual([]),
  );

  test("are neither in fenced code nor part of a paragraph", () => {
    expect(only("a\n    make up\n\n```sh\n\n    make up\n\n```\n")).toEqual([]);
  });

  test.each([
    ["not run by the tests: needs a phone", { skipped: "needs a phone" }],
    ["run by test/unit/a.test.ts", { elsewhere: "test/unit/a.test.ts" }],
    ["run by test/unit/a.test.ts, in part", { elsewhere: "test/unit/a.test.ts, in part" }],
    ["its output differs in the tests: nothing is new", { differs: "nothing is new" }],
  ])("know the mark before them: %s", (said, mark) => {
    expect(only(`a\n\n<!-- ${said} -->\n    make up\n`)).toEqual([{ ...plain, commands: ["make up"], mark }]);
  });
});

describe("marks have a reason, and a block that they are about", () => {
  test.each(pages)("in %s", (page) => expect(wrongMarks(page, readPage(page))).toEqual([]));

  test("and those that do not are found", () => {
    const block = "    make up\n";
    const wrong = (text: string) => wrongMarks("page.md", text).length;
    expect(wrong(`<!-- not run by the tests: -->\n${block}`)).toBe(1);
    expect(wrong(`<!-- not run by the tests -->\n${block}`)).toBe(1);
    expect(wrong(`<!-- run by hand -->\n${block}`)).toBe(1);
    expect(wrong("<!-- not run by the tests: needs a phone -->\ntext\n")).toBe(1);
    expect(wrong(`<!-- not run by the tests: needs a phone -->\n${block}`)).toBe(0);
  });
});

test("what runs a block instead exists", () => {
  const files = blocks.flatMap(({ mark }) =>
    mark !== undefined && "elsewhere" in mark ? (mark.elsewhere.match(/test\/\S+\.ts/g) ?? []) : [],
  );
  expect(files.length).toBeGreaterThan(10);
  expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
});
