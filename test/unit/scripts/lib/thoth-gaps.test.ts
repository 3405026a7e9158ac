import { expect, test } from "vitest";
import type { LettaStack } from "../../../../scripts/lib/stacks.ts";
import { thothGaps } from "../../../../scripts/lib/thoth-gaps.ts";
import { imitatedLetta } from "../../../support/imitated-letta.ts";
import { temporaryFiles, temporaryFolder } from "../../../support/temporary.ts";

const settings = (model: string) => JSON.stringify({ memory: { letta: { agentModel: model } } });

const vaultWith = (text: string) =>
  temporaryFiles({
    "thoth/_thoth/prompts/google/analyze.j2": "",
    "thoth/_thoth/templates/note.md": "",
    "thoth/_thoth/analysis_schema.json": "{}",
    "thoth/_thoth/settings.json": text,
  });

/** The gaps of a Thoth whose project has these agents; without them Letta is not there. */
async function gapsOf(vault: string, agents?: object[], isStandIn = false) {
  const server =
    agents &&
    (await imitatedLetta({
      "GET /v1/agents/": ({ query }) => ({ body: query.includes("name=thoth_main_orchestrator") ? agents : [] }),
    }));
  const letta = server && {
    urls: { gateway: server.url },
    projects: { papers: { token: server.password } },
  };
  const projectDirectory = temporaryFiles({ "Pulumi.thoth.yaml": "config:\n  thoth-letta:project: papers\n" });
  const place = { stack: "thoth", thoth: { vault, isStandIn }, letta: letta as unknown as LettaStack | undefined };
  return thothGaps(place, { projectDirectory });
}

test("a new vault lacks all that upstream's wizard makes, and the command makes it", async () => {
  expect(await gapsOf(temporaryFolder())).toEqual([
    "the vault has no thoth/_thoth/prompts, no thoth/_thoth/templates, no thoth/_thoth/analysis_schema.json, " +
      "no thoth/_thoth/settings.json: make thoth-setup MODEL=HANDLE",
  ]);
});

test("settings that name no model for the agents are reported: Thoth would make none", async () => {
  expect(await gapsOf(vaultWith("{}"))).toMatchObject([expect.stringContaining("no memory.letta.agentModel")]);
});

test.each([
  [settings("openai/gone"), "settings.json names openai/gone: make models"],
  ["not JSON", "settings.json cannot be read"],
])("a project without Thoth's agents is reported, with settings of %s", async (text, said) => {
  expect(await gapsOf(vaultWith(text), [])).toEqual([expect.stringContaining(said)]);
  expect(await gapsOf(vaultWith(text), [{ id: "agent-1" }])).toEqual([]);
});

test("a Letta that is gone is not Thoth's gap", async () => {
  expect(await gapsOf(vaultWith(settings("openai/gpt-5")))).toEqual([]);
});

test("the stand-in needs nothing", async () => {
  expect(await gapsOf(temporaryFolder(), [], true)).toEqual([]);
});
