import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dockerOutput } from "../../infra/lib/docker/engine.ts";
import { lettaJson } from "../../infra/lib/letta/api.ts";
import { root } from "../../scripts/lib/checkout.ts";
import { composeEnvironment } from "../support/compose.ts";
import { sharedStacks } from "../support/shared-stacks.ts";
import { succeeded } from "../support/stacks.ts";
import { namesOfPair, typed } from "../support/typed.ts";
import { blocks } from "../unit/docs/blocks.ts";

/** The application of examples/compose, as its README starts it. Among the slow tests, as it may have to build Compose. */

const stacks = sharedStacks();
const project = `${stacks.letta}-notes`;
const examples = join(stacks.folder, "examples");
let printed: string;
let env: Record<string, string>;

beforeAll(async () => {
  cpSync(join(root, "examples"), examples, { recursive: true });
  env = { ...(await composeEnvironment()), COMPOSE_PROJECT_NAME: project };
  const block = blocks.find(({ page }) => page === "examples/compose/README.md");
  const ofPair = await namesOfPair(stacks);
  printed = await typed(stacks, ofPair(block?.commands.join("\n") ?? ""), { env });
});

afterAll(async () => {
  await typed(stacks, "docker compose down", { folder: join(examples, "compose"), env });
  rmSync(examples, { recursive: true });
  succeeded(await stacks.command(["letta", "projects", "remove", "notes", "--purge", "--yes"]));
});

test("answers on its port", () => expect(printed).toMatch(/^water the plants$/m));

test("is on its own default network and on Letta's", async () => {
  const format = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}";
  const networks = await dockerOutput(["inspect", "--format", format, `${project}-notes-1`]);
  expect(networks.trim().split(" ").sort()).toEqual([`${stacks.letta}-network`, `${project}_default`].sort());
});

test("has its note in its database and in a block for its agents", async () => {
  expect(await stacks.psql("select text from notes", "notes")).toBe("water the plants");
  const list = lettaJson(await stacks.projectEndpoint("notes"), "GET", "/v1/blocks/?label=notes");
  expect(await list).toMatchObject([{ value: "water the plants\n" }]);
});
