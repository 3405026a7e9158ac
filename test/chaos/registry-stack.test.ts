import { afterAll, beforeAll, expect, onTestFailed, test } from "vitest";
import { inspectContainer } from "../../infra/lib/docker/engine.ts";
import { localReference } from "../../infra/lib/images.ts";
import { removeProject } from "../support/engine-objects.ts";
import { LockedRegistry } from "../support/locked-registry.ts";
import { ownProject } from "../support/shared-stacks.ts";
import { succeeded, type TestProject } from "../support/stacks.ts";

let locked: LockedRegistry;
let project: TestProject;
const reference = (key: string) => localReference(key, project.folder);

beforeAll(async () => {
  locked = await LockedRegistry.start();
  project = await ownProject({ letta: { images: "registry", imageMirror: locked.registry.address } });
  locked.writeLock(locked.lock, project.folder);
  succeeded(await project.command(["setup"]));
});
afterAll(async () => {
  removeProject(project.suffix);
  await locked.removeBuilt();
  await locked.close();
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
  ]);
  const preview = await project.pulumi(["preview", "--expect-no-changes", "--stack", project.letta]);
  expect(preview.output).not.toMatch(/[~+-] /);
  expect(preview.exitCode).toBe(0);
});
