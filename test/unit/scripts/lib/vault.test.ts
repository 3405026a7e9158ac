import { expect, test } from "vitest";
import { vaultGaps } from "../../../../scripts/lib/vault.ts";
import { temporaryFiles, temporaryFolder } from "../../../support/temporary.ts";

const gapsOf = (vault: string) => vaultGaps({ vault, isStandIn: false, isMultiUser: false });

const vaultWith = (settings: string) =>
  temporaryFiles({
    "thoth/_thoth/prompts/google/analyze.j2": "",
    "thoth/_thoth/templates/note.md": "",
    "thoth/_thoth/analysis_schema.json": "{}",
    "thoth/_thoth/settings.json": settings,
  });

test("a new vault lacks all that upstream's wizard makes, and the command makes it", () => {
  expect(gapsOf(temporaryFolder())).toEqual([
    "the vault has no thoth/_thoth/prompts, no thoth/_thoth/templates, no thoth/_thoth/analysis_schema.json, " +
      "no thoth/_thoth/settings.json: make thoth-setup MODEL=HANDLE",
  ]);
});

test("settings without a model for the agents are told: Thoth would make none", () => {
  expect(gapsOf(vaultWith("{}"))).toMatchObject([expect.stringContaining("no memory.letta.agentModel")]);
});

test.each(['{"memory": {"letta": {"agentModel": "openai/gpt-5"}}}', "not JSON, which Thoth reports"])(
  "%s is enough",
  (text) => {
    expect(gapsOf(vaultWith(text))).toEqual([]);
  },
);

test("the stand-in needs nothing, and Thoth makes its users' vaults itself", () => {
  const vault = temporaryFolder();
  expect(vaultGaps({ vault, isStandIn: true, isMultiUser: false })).toEqual([]);
  expect(vaultGaps({ vault, isStandIn: false, isMultiUser: true })).toEqual([]);
});
