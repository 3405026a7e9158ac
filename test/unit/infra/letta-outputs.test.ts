import * as pulumi from "@pulumi/pulumi";
import { describe, expect, test } from "vitest";
import { UserError } from "../../../infra/lib/errors.ts";
import { interpretLettaOutputs, readLettaStack } from "../../../infra/stacks/outputs.ts";
import { lettaOutputs, resolved } from "../../support/stack-graphs.ts";

const interpret = (changes: Record<string, unknown> = {}, project = "thoth") =>
  interpretLettaOutputs({ ...lettaOutputs, ...changes }, "letta", project);

const { thoth } = lettaOutputs.projects;

test("gives a project its own secrets, as secrets, and nobody else's", async () => {
  const notes = { ...thoth, databaseUrl: "postgresql://notes", encryptionKey: "key of notes", token: "token of notes" };
  const { databaseUrl, encryptionKey, token } = interpret({ projects: { thoth, notes } }, "notes");
  const secrets = [databaseUrl, encryptionKey, token];
  expect(await resolved(secrets)).toEqual(["postgresql://notes", "key of notes", "token of notes"]);
  expect(await Promise.all(secrets.map((value) => pulumi.isSecret(value)))).toEqual([true, true, true]);
});

test("further outputs of a newer letta stack do no harm", () => {
  expect(interpret({ later: 1 }).outputs).not.toHaveProperty("later");
});

describe("says what is wrong and how to fix it:", () => {
  const start = "pulumi up -s letta (or make letta-start)";
  const nothing = Object.fromEntries(Object.keys(lettaOutputs).map((name) => [name, undefined]));
  test.each<[string, Record<string, unknown>, string, string]>([
    ["no stack", nothing, 'the letta stack "letta" is not there or was never brought up', start],
    ["an older contract", { contractVersion: 2 }, "stack letta was brought up by an older version", "make letta-start"],
    ["a newer contract", { contractVersion: 4 }, "stack letta was brought up by a newer version", "git pull"],
    ["an output that is missing", { schemaVersion: undefined }, "schemaVersion", start],
    [
      "a secret of another passphrase",
      { projects: { thoth: { ...thoth, encryptionKey: {} } } },
      'projects.thoth.encryptionKey of stack "letta" cannot be decrypted: the stacks have different passphrases',
      "set PULUMI_CONFIG_PASSPHRASE_FILE to the passphrase file of the letta stack for both",
    ],
  ])("%s", (_, changes, problem, fix) => {
    expect(() => interpret(changes)).toThrow(UserError);
    expect(() => interpret(changes)).toThrow(problem);
    expect(() => interpret(changes)).toThrow(`\n  fix: ${fix}`);
  });

  test("a project that the letta stack does not know, naming those it knows", () => {
    expect(() => interpret({ projects: { thoth, notes: thoth } }, "other")).toThrow(
      new UserError(
        'stack "letta" has no project "other"; it has thoth, notes',
        "add it to thoth-letta:projects in Pulumi.letta.yaml, then pulumi up -s letta (or make letta-start)",
      ),
    );
  });
});

describe("read from the other stack", () => {
  /** Reads a letta stack that has these outputs, and says under which name it was asked for. */
  async function read(outputs: Record<string, unknown>): Promise<{ name: string } & ReturnType<typeof interpret>> {
    let name = "";
    const newResource = ({ type, inputs }: pulumi.runtime.MockResourceArgs) => {
      expect(type).toBe("pulumi:pulumi:StackReference");
      name = inputs.name;
      return { id: name, state: { name, outputs, secretOutputNames: ["projects"] } };
    };
    const call = ({ token }: pulumi.runtime.MockCallArgs) => expect.unreachable(token);
    await pulumi.runtime.setMocks({ newResource, call }, "thoth-letta", "thoth", false, "acme");
    const reference = await readLettaStack("letta", "thoth");
    return { ...reference, name };
  }

  test("secrets and all, under this project and organization", async () => {
    const { outputs, databaseUrl, name } = await read(lettaOutputs);
    expect(name).toBe("acme/thoth-letta/letta");
    expect(outputs.network).toEqual(lettaOutputs.network);
    expect(await resolved(databaseUrl)).toBe(thoth.databaseUrl);
    expect(await pulumi.isSecret(databaseUrl)).toBe(true);
  });

  test("which was never brought up", async () => {
    await expect(read({})).rejects.toThrow('the letta stack "letta" is not there or was never brought up');
  });
});
