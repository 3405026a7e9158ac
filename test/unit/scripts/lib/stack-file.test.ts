import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { changeConfigFile, changeConfigPaths, readConfigFile } from "../../../../scripts/lib/stack-file.ts";
import { temporaryFiles, temporaryFolder } from "../../../support/temporary.ts";

const read = (text: string) =>
  readConfigFile({ projectDirectory: temporaryFiles({ "Pulumi.letta.yaml": text }) }, "letta");

test("reads this project's keys, without the namespace", () => {
  const text = "config:\n  aws:region: x\n  thoth-letta:prefix: a\n  thoth-letta:ports:\n    gateway: 1\n";
  expect(read(text)).toEqual({ prefix: "a", ports: { gateway: 1 } });
});

test.each([
  ["empty", ""],
  ["without config", "encryptionsalt: v1:abc\n"],
  ["with an empty config", "config:\n"],
])("a file that is %s has no keys", (_, text) => {
  expect(read(text)).toEqual({});
});

test("a stack without a file has no keys", () => {
  expect(readConfigFile({ projectDirectory: temporaryFolder() }, "letta")).toEqual({});
});

describe("changing keys", () => {
  const change = async (text: string, changes: Parameters<typeof changeConfigFile>[2]) => {
    const projectDirectory = temporaryFiles({ "Pulumi.letta.yaml": text });
    await changeConfigFile({ projectDirectory }, "letta", changes);
    expect(readdirSync(projectDirectory)).toEqual(["Pulumi.letta.yaml"]);
    return readFileSync(join(projectDirectory, "Pulumi.letta.yaml"), "utf8");
  };

  test("leaves comments, secrets and all else as it is", async () => {
    const salt = `encryptionsalt: v1:${"x".repeat(200)}:${"y z".repeat(50)}\n`;
    const text = `config:\n  # Databases.\n  thoth-letta:projects:\n    - thoth\n  aws:region: x\n${salt}`;
    expect(await change(text, { lettaVersion: "0.16.8" })).toBe(
      text.replace("  aws:region: x\n", "  aws:region: x\n  thoth-letta:lettaVersion: 0.16.8\n"),
    );
  });

  test.each(["config:\n", "# nothing\n"])("works on a file without keys: %j", async (text) => {
    expect(read(await change(text, { a: "17", b: 2 }))).toEqual({ a: "17", b: 2 });
  });

  test("removes what is undefined, even if it is not there", async () => {
    const text = "config:\n  thoth-letta:a: x\n  thoth-letta:b: y\n";
    expect(await change(text, { a: undefined, c: undefined })).toBe("config:\n  thoth-letta:b: y\n");
  });

  test("reads and changes a list that pulumi config set wrote as JSON text", async () => {
    const text = "config:\n  thoth-letta:projects: '[\"thoth\"]'\n";
    expect(read(text)).toEqual({ projects: ["thoth"] });
    const projectDirectory = temporaryFiles({ "Pulumi.letta.yaml": text });
    await changeConfigPaths({ projectDirectory }, "letta", [{ path: ["projects", 1], value: "notes" }]);
    expect(readConfigFile({ projectDirectory }, "letta")).toEqual({ projects: ["thoth", "notes"] });
  });
});
