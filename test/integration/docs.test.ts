import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import YAML from "yaml";
import { parseLettaConfig } from "../../infra/config/letta.ts";
import { parseThothConfig } from "../../infra/config/thoth.ts";
import { root } from "../../scripts/lib/checkout.ts";
import { readConfigFile } from "../../scripts/lib/stack-file.ts";
import { sharedStacks } from "../support/shared-stacks.ts";
import { layOutProject, succeeded } from "../support/stacks.ts";
import { namesOfPair, typed } from "../support/typed.ts";
import { type Block, blocks } from "../unit/docs/blocks.ts";

/** What the pages tell people to type is typed here, unless a comment before it in the page says why not. */

const stacks = sharedStacks();
const here = blocks
  .filter(({ mark }) => mark === undefined || "differs" in mark)
  .map((block) => ({ ...block, first: block.commands[0] ?? block.config }));
const setsConfig = /pulumi config set .*-s (\S+)/;
const isConfig = ({ config, commands }: Block) => config !== "" || commands.some((line) => setsConfig.test(line));

/** What the pages make is removed, of a run of one block too. */
afterAll(async () => {
  const { projects } = await stacks.lettaOutputs();
  if (projects.notes === undefined) return;
  succeeded(await stacks.command(["letta", "projects", "remove", "notes", "--purge", "--yes"]));
});

describe("on the stacks as they are", () => {
  let ofPair: Awaited<ReturnType<typeof namesOfPair>>;
  const run = (text: string, folder = stacks.folder) =>
    typed(stacks, ofPair(text), { folder, env: { PULUMI_SKIP_CONFIRMATIONS: "true" } });
  beforeAll(async () => {
    ofPair = await namesOfPair(stacks);
    cpSync(join(root, "examples"), join(stacks.folder, "examples"), { recursive: true });
  });
  afterAll(async () => {
    const remove = '[ -z "$(pulumi stack --show-name 2>&-)" ] || { pulumi destroy && pulumi stack rm; }';
    await run(remove, join(stacks.folder, "examples/pulumi"));
    rmSync(join(stacks.folder, "examples"), { recursive: true });
  });

  test.each(here.filter((block) => !isConfig(block)))("$page, line $line: $first", async (block) => {
    const printed = await run(block.commands.join("\n"));
    if (block.mark !== undefined) return;
    const said = printed.replaceAll(`-t${stacks.suffix}`, "");
    expect(block.printed.map(untilFigure).filter((start) => !said.includes(start))).toEqual([]);
  });
});

/** A line as far as it is the same each time. */
const untilFigure = (line: string) => (/^[^\d…[]*/.exec(line)?.[0] ?? "").trim();

/** Stacks that are never up, with the names that the pages have. */
describe("on the config of stacks", () => {
  const folder = join(stacks.folder, "docs");
  const file = (stack: string) => join(folder, `Pulumi.${stack}.yaml`);
  const kinds = ["letta", "thoth"];
  const fresh = new Map<string, string>();
  const run = (text: string) =>
    typed(stacks, text, { folder, input: "typed", env: { PULUMI_BACKEND_URL: `file://${folder}/backend` } });

  beforeAll(async () => {
    mkdirSync(join(folder, "backend"), { recursive: true });
    layOutProject(folder);
    for (const stack of kinds) await run(`pulumi stack init ${stack}`);
    for (const stack of kinds) fresh.set(stack, readFileSync(file(stack), "utf8"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Does what the block says, but for starts. @throws with every key and value that no stack takes */
  async function configured({ config, commands }: Pick<Block, "config" | "commands">): Promise<void> {
    for (const [stack, text] of fresh) writeFileSync(file(stack), text);
    const lines = commands.filter((line) => line.startsWith("pulumi "));
    const changed = new Set(lines.flatMap((line) => setsConfig.exec(line)?.[1] ?? []));
    if (config !== "") changed.add(addKeys(config));
    for (const [, given = ""] of commands.join("\n").matchAll(/ < (\S+)/g)) writeFileSync(join(folder, given), "typed");
    await run(lines.join("\n"));
    for (const stack of changed) {
      const raw = withoutSecrets(readConfigFile({ projectDirectory: folder }, stack));
      if ((raw.kind ?? stack) === "letta") parseLettaConfig(raw, stack);
      else parseThothConfig(raw, stack, folder);
    }
  }

  /** Puts YAML where the page says, under `config`. @returns the stack that has such keys */
  function addKeys(text: string): string {
    const keys = YAML.parse(text) as Record<string, unknown>;
    const ofLetta = Object.keys(parseLettaConfig({}, "letta"));
    const stack = Object.keys(keys).every((key) => ofLetta.includes(key.replace("thoth-letta:", "")))
      ? "letta"
      : "thoth";
    writeFileSync(file(stack), `${fresh.get(stack)}\n${YAML.stringify({ config: keys })}`);
    return stack;
  }

  test.each(here.filter(isConfig))("$page, line $line: $first", configured);

  test("a key that does not exist is found, and named", async () => {
    const commands = ["pulumi config set --path 'thoth-letta:models.ollama.adress' http://localhost -s letta"];
    await expect(configured({ config: "", commands })).rejects.toThrow("thoth-letta:models.ollama.adress: no such key");
  });
});

/** Encrypted values, which only Pulumi can read, as the text that was typed. */
function withoutSecrets(value: unknown): Record<string, unknown> {
  return JSON.parse(JSON.stringify(value), (_, inner) => (inner?.secure === undefined ? inner : "typed"));
}
