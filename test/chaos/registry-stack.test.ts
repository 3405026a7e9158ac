import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFailed, test } from "vitest";
import { docker, dockerOutput, inspectContainer } from "../../infra/lib/docker/engine.ts";
import { localFile, localReference } from "../../infra/lib/images.ts";
import { removeProject } from "../support/engine-objects.ts";
import { LockedRegistry } from "../support/locked-registry.ts";
import { ownProject } from "../support/shared-stacks.ts";
import { succeeded, type TestProject } from "../support/stacks.ts";

let locked: LockedRegistry;
let project: TestProject;
let setupOutput: string;
const reference = (key: string) => localReference(key, project.folder);

beforeAll(async () => {
  locked = await LockedRegistry.start();
  project = await ownProject({ letta: { images: "registry", imageMirror: locked.registry.address } });
  locked.writeLock(locked.lock, project.folder);
  setupOutput = succeeded(await project.command(["setup"])).stdout;
});
afterAll(async () => {
  removeProject(project.suffix);
  await locked.removeBuilt();
  await locked.close();
});

test("setup builds what no registry has on the registry's images, with the certificates and mirrors of this host", async () => {
  expect(setupOutput).toContain("images: registry");
  const built = JSON.parse(readFileSync(join(project.folder, localFile), "utf8")) as Record<string, string>;
  expect(Object.keys(built).sort()).toEqual(["backup", "page", "postgres-archiving", "thoth"]);
  expect(succeeded(await project.command(["setup"])).stdout).toContain("setup: nothing to do");
});

test("the stand-in for Thoth runs", async () => {
  // Exit code 64 is the stand-in's own for a role that it has not.
  const { exitCode } = await docker(["run", "--rm", reference("thoth"), "thoth", "no-such-role"]);
  expect(exitCode).toBe(64);
});

test.each([
  ["Postgres with pgBackRest", "postgres-archiving", ["pgbackrest", "version"], /^pgBackRest 2\./],
  ["the backup agent's programs", "backup", ["rclone", "version"], /^rclone v1\./],
  ["the backup agent's look for gaps", "backup", ["check_pgbackrest", "--version"], /^check_pgbackrest version /],
  ["the backup agent's Node", "backup", ["node", "--version"], /^v24\./],
])("%s runs", async (_, key, command, expected) => {
  expect(await dockerOutput(["run", "--rm", reference(key), ...command])).toMatch(expected);
});

test("Postgres is the registry's: what an image of its repository had, its successor has", async () => {
  const version = (image: string) => dockerOutput(["run", "--rm", image, "postgres", "--version"]);
  expect(await version(reference("postgres-archiving"))).toBe(await version(locked.pinned("postgres")));
  expect(await version(reference("backup"))).toBe(await version(locked.pinned("postgres")));
});

test("a letta stack runs what setup built, with the lock file's images by digest, and a second preview is empty", async () => {
  onTestFailed(async () => console.log(await project.recentLogs()));
  await project.up(project.letta);
  const { containers, images } = await project.lettaOutputs();
  expect(images).toBe("registry");
  const used = await Promise.all(containers.map(async (name) => (await inspectContainer(name))?.Config.Image));
  const sidecar = reference("backup");
  expect(used).toEqual([
    ...[reference("postgres-archiving"), sidecar, sidecar],
    ...["redis", "letta", "nginx"].map((key) => locked.pinned(key)),
    reference("page"),
  ]);
  const preview = await project.pulumi(["preview", "--expect-no-changes", "--stack", project.letta]);
  expect(preview.output).not.toMatch(/[~+-] /);
  expect(preview.exitCode).toBe(0);
});
