import { mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Agent } from "../../../images/backup/src/agent.ts";
import { Notes } from "../../../images/backup/src/notes.ts";
import { agentSettings, FakeWorld } from "../../support/fake-world.ts";

/** Notes in a world with or without a status page. */
async function notesOf({ hasPage = true } = {}) {
  const world = new FakeWorld();
  world.answers.du = "4096\t/volume";
  if (hasPage) mkdirSync(world.paths.notes, { recursive: true });
  const agent = new Agent(world, agentSettings);
  await agent.load();
  const read = (name: string) => JSON.parse(readFileSync(join(world.paths.notes, `${name}.json`), "utf8"));
  return { world, agent, notes: new Notes(world), read };
}

test("the agent leaves its status and the sizes of volumes, for a reader that is nobody", async () => {
  const { world, agent, notes, read } = await notesOf();
  await notes.backup(agent);
  const note = read("backup");
  expect(note).toMatchObject({ at: "2026-11-24T12:00:00.000Z", status: { serving: true, lastBackup: null } });
  expect(note.volumeBytes).toEqual({ postgres: 4096, backup: 4096, home: 4096, data: 4096 });
  expect(statSync(join(world.paths.notes, "backup.json")).mode & 0o777).toBe(0o644);
});

test("it says why its health check fails", async () => {
  const { agent, notes, read } = await notesOf();
  await notes.backup(agent);
  expect(read("backup").problem).toEqual(expect.any(String));
});

test("volumes are measured now and then only", async () => {
  const { world, agent, notes } = await notesOf();
  const measured = () => world.calls.filter((call) => call.startsWith("du ")).length;
  await notes.backup(agent);
  await notes.backup(agent);
  expect(measured()).toBe(4);
  world.time += 300_000;
  await notes.backup(agent);
  expect(measured()).toBe(8);
});

test("the drill says that it is there", async () => {
  const { notes, read } = await notesOf();
  await notes.drill();
  expect(read("drill")).toEqual({ at: "2026-11-24T12:00:00.000Z", problem: null });
});

test("without a status page nothing is asked or written", async () => {
  const { world, agent, notes } = await notesOf({ hasPage: false });
  await notes.drill();
  await notes.backup(agent);
  expect(world.calls).toEqual([]);
});
