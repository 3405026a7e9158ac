import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dockerOutput } from "../../infra/lib/docker/engine.ts";
import { OtherEngine } from "../support/other-engine.ts";
import { agentNames, firstBackup, makeAgent } from "../support/restores.ts";
import { generatedPasswords } from "../support/secrets.ts";
import { ownProject } from "../support/shared-stacks.ts";
import { succeeded } from "../support/stacks.ts";

const here = await ownProject();
const engine = new OtherEngine();
const folder = mkdtempSync(join(tmpdir(), "thoth-letta-export-"));

beforeAll(() => engine.start());
afterAll(async () => {
  await engine.remove();
  rmSync(folder, { recursive: true });
});

test("a stack of the same names comes up on another machine's engine from the archive and the recovery key", async () => {
  succeeded(await here.command(["letta", "start"]));
  await here.psql("create table notes as select 'kept' as text", "thoth");
  await makeAgent(here, "traveller");
  await firstBackup(here);
  succeeded(await here.command(["backup", "export", join(folder, "export")]));
  const keyFile = join(folder, "key");
  writeFileSync(keyFile, succeeded(await here.command(["backup", "key", "--show-secrets"])).stdout);
  const containers = Object.keys(await here.containers(here.letta));
  const images = (await dockerOutput(["inspect", "--format", "{{.Config.Image}}", ...containers])).trim().split("\n");
  await engine.load([...new Set(images)]);
  // Both have one name for everything: nothing of here may be what answers.
  const stopped = succeeded(await here.command(["letta", "stop", "--yes"]));
  expect(stopped.exitCode).toBe(0);

  const there = await ownProject({ place: engine, letta: { prefix: here.letta } });
  const imported = await there.command(["backup", "import", join(folder, "export"), "--key-file", keyFile]);
  succeeded(imported);

  const inPostgres = ["exec", `${here.letta}-postgres`, "psql", "-U", "postgres", "-qtA", "-d"];
  expect(engine.docker([...inPostgres, "thoth", "-c", "select text from notes"]).trim()).toBe("kept");
  expect(engine.docker([...inPostgres, "letta", "-c", "select name from agents"]).trim()).toBe("traveller");
  expect(await generatedPasswords(there, there.letta)).toEqual(await generatedPasswords(here, here.letta));
  expect(succeeded(await there.command(["letta", "status"])).output).toContain(`stack ${there.letta}: healthy`);
  succeeded(await there.pulumi(["preview", "--expect-no-changes", "--stack", there.letta]));

  succeeded(await here.command(["letta", "start"]));
  expect(await agentNames(here)).toEqual(["traveller"]);
});
