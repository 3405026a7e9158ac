import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dockerOutput } from "../../infra/lib/docker/engine.ts";
import { type ImageLock, lettaImages, lockFile } from "../../infra/lib/images.ts";
import { pullStep } from "../../scripts/images/registry.ts";
import { fakeDeps } from "../support/fake-deps.ts";
import { checkoutLock, LockedRegistry } from "../support/locked-registry.ts";
import { runMain } from "../support/run-main.ts";
import { presentImage } from "../support/stacks.ts";

let locked: LockedRegistry;
const lockImages = (mirror = locked.registry.address) =>
  runMain(["images-lock", "--mirror", mirror], { THOTH_LETTA_PROJECT: locked.folder });
const digests = (lock: ImageLock) => Object.fromEntries(Object.entries(lock).map(([key, { digest }]) => [key, digest]));

beforeAll(async () => {
  locked = await LockedRegistry.start();
  // Without the checkout's digests: those are of another registry's images.
  locked.writeLock(
    Object.fromEntries(Object.entries(checkoutLock).map(([key, { name, tag }]) => [key, { name, tag }])),
  );
});
afterAll(() => locked?.close());

describe("images-lock", () => {
  test("writes the digests that the registry has", async () => {
    const { exitCode, stdout, stderr } = await lockImages();
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(digests(locked.readLock())).toEqual(locked.pushed);
    expect(stdout.split("\n").filter((line) => line.endsWith(" (changed)"))).toHaveLength(
      Object.keys(locked.pushed).length,
    );
  });

  test("finds nothing changed the second time", async () => {
    const before = readFileSync(join(locked.folder, lockFile), "utf8");
    const { exitCode, stdout } = await lockImages();
    expect(exitCode).toBe(0);
    expect(stdout).not.toContain("(changed)");
    expect(readFileSync(join(locked.folder, lockFile), "utf8")).toBe(before);
  });

  test("finds the one tag that stands for something else now, and that it is back", async () => {
    const { name, tag } = checkoutLock.nginx ?? { name: "", tag: "" };
    const other = await locked.registry.push(presentImage("redis"), name, tag);
    const { stdout } = await lockImages();
    expect(stdout.match(/^.*\(changed\)$/gm)).toEqual([`nginx: ${name}:${tag} is ${other} (changed)`]);
    expect(digests(locked.readLock())).toEqual({ ...locked.pushed, nginx: other });
    expect(await locked.registry.push(presentImage("nginx"), name, tag)).toBe(locked.pushed.nginx);
    await lockImages();
    expect(digests(locked.readLock())).toEqual(locked.pushed);
  });

  test("of a registry that does not answer is one clear error, and changes nothing", async () => {
    const before = readFileSync(join(locked.folder, lockFile), "utf8");
    const { exitCode, stderr } = await lockImages("127.0.0.1:1");
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /^error: 127\.0\.0\.1:1\/\S+ cannot be pulled: .*connection refused\n {2}fix: check the network, or set thoth-letta:images to local to build images here\n$/,
    );
    expect(readFileSync(join(locked.folder, lockFile), "utf8")).toBe(before);
  });
});

describe("the step that pulls", () => {
  const step = () =>
    pullStep(
      fakeDeps({ projectDirectory: locked.folder }),
      lettaImages.map((key) => locked.pinned(key)),
    );

  test("has nothing to do when all images are there", async () => {
    expect(await step().isDone()).toBe(true);
  });

  test("pulls the images that are missing, by digest, and only those", async () => {
    const { name, tag } = locked.readLock().redis ?? {};
    await dockerOutput(["rmi", `${locked.registry.address}/${name}:${tag}`]);
    expect(await step().isDone()).toBe(false);
    const lines: string[] = [];
    await step().run((line) => lines.push(line));
    expect(lines).toEqual([`pulling ${locked.pinned("redis")}`]);
    expect(await step().isDone()).toBe(true);
  });
});
