import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { dockerOutput, volumeExists } from "../../infra/lib/docker/engine.ts";
import { firstBackup } from "../support/restores.ts";
import { ownProject } from "../support/shared-stacks.ts";
import { presentImage, succeeded, type TestProject } from "../support/stacks.ts";

let stack: TestProject;
beforeAll(async () => {
  stack = await ownProject({ letta: { backup: { drillOnStart: false } } });
  succeeded(await stack.command(["letta", "start"]));
  await firstBackup(stack);
  await stack.psql("create table notes (text text); insert into notes values ('old')", "thoth");
});

const passwords = async () => (await stack.lettaOutputs()).serverPassword;

test("the new stack has none of the old one's data and secrets; the last export and its key have all of it", async () => {
  const [before, folder] = [await passwords(), join(stack.folder, "last-export")];
  succeeded(await stack.command(["letta", "start-over", "--confirm", stack.letta, "--folder", folder]));
  expect(await volumeExists(`${stack.letta}-postgres`)).toBe(false);
  expect(readdirSync(folder).some((name) => name.endsWith(".backup"))).toBe(true);
  expect(readFileSync(join(folder, "recovery-key"), "utf8")).toMatch(/^\w{40,}$/m);

  succeeded(await stack.command(["letta", "start"]));
  expect(await stack.psql("select count(*) from pg_tables where tablename = 'notes'", "thoth")).toBe("0");
  expect(await passwords()).not.toBe(before);
});

test("a cluster of an older installation stays, and the next start has another volume", async () => {
  const volume = `${stack.letta}-postgres`;
  succeeded(await stack.command(["down"]));
  // As another tool leaves it: a cluster without the marks of this project.
  const remove = ["--entrypoint", "rm", presentImage("redis"), "/volume/.initialised", "/volume/.initialising", "-f"];
  await dockerOutput(["run", "--rm", "--user", "0:0", "--volume", `${volume}:/volume`, ...remove]);
  const args = ["letta", "start-over", "--confirm", stack.letta, "--without-export"];
  expect(succeeded(await stack.command(args)).output).toContain(`kept       `);
  expect(await volumeExists(volume)).toBe(true);
  succeeded(await stack.command(["letta", "start"]));
  expect((await stack.lettaOutputs()).volumes.postgres).toMatch(new RegExp(`^${volume}-\\d{14}$`));
});
