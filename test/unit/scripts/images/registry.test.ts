import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { lettaImages } from "../../../../infra/lib/images.ts";
import { lockImages, lockStep, pinnedReferences } from "../../../../scripts/images/registry.ts";
import { mirrorOf } from "../../../../scripts/lib/stack-images.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { fakePrograms } from "../../../support/fake-programs.ts";
import { temporaryFiles, withEnvironment } from "../../../support/temporary.ts";

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const pulled = (letter: string) => ({ stdout: `1: Pulling from library/x\nDigest: ${digest(letter)}\nStatus: done\n` });
const lock = {
  redis: { name: "library/redis", tag: "8" },
  nginx: { name: "library/nginx", tag: "1", digest: digest("b") },
};
const folder = (content: object = lock) => temporaryFiles({ "images.lock.json": JSON.stringify(content) });
const readBack = (directory: string) => JSON.parse(readFileSync(join(directory, "images.lock.json"), "utf8"));

describe("images-lock", () => {
  const changed = { ...lock, redis: { ...lock.redis, digest: digest("a") } };

  test("asks a mirror under its own prefix, which is not written", async () => {
    const programs = fakePrograms({ docker: { pull: pulled("a") } });
    const deps = fakeDeps({ projectDirectory: folder() });
    await lockImages({ mirror: "mirror.example.org/hub/" }, deps);
    expect(programs.calls()[0]).toBe("docker pull mirror.example.org/hub/library/redis:8");
    expect(readBack(deps.projectDirectory).redis).toEqual(changed.redis);
  });

  test("changes nothing if one image cannot be pulled, and says which", async () => {
    fakePrograms({
      docker: { "pull library/redis": pulled("a"), "pull library/nginx": { exitCode: 1, stderr: "no such host\n" } },
    });
    const deps = fakeDeps({ projectDirectory: folder() });
    await expect(lockImages({}, deps)).rejects.toThrow(
      "library/nginx:1 cannot be pulled: no such host\n  fix: check the network, or set thoth-letta:images to local to build images here",
    );
    expect(readBack(deps.projectDirectory)).toEqual(lock);
  });

  test.each(["manifest unknown", "pull access denied for letta/letta, repository does not exist"])(
    "notes that Letta, which its registry refuses with %j, is built here",
    async (stderr) => {
      fakePrograms({ docker: { "pull letta/letta:0.16.8": { exitCode: 1, stderr }, pull: pulled("a") } });
      const { redis } = lock;
      const letta = { name: "letta/letta", tag: "0.16.8" };
      const deps = fakeDeps({ projectDirectory: folder({ redis, letta }) });
      await lockImages({}, deps);
      expect(readBack(deps.projectDirectory)).toEqual({ redis: changed.redis, letta: { ...letta, builtHere: true } });
      expect(deps.printed).toContain(
        "letta: no registry has letta/letta:0.16.8 any more; it is built here, from Letta's package",
      );
      expect(await lockStep(deps, undefined).isDone()).toBe(true);
    },
  );

  test("is a step that is done when every image has a digest", async () => {
    const isDone = (content: object) => lockStep(fakeDeps({ projectDirectory: folder(content) }), undefined).isDone();
    expect(await isDone(lock)).toBe(false);
    expect(await isDone(changed)).toBe(true);
  });
});

test("a stack's images have the versions in its config, and come from its mirror", async () => {
  const keys = [...lettaImages, "base", "letta@0.9", "postgres@17"];
  const lock = keys.map((key) => {
    const [name, tag = "1"] = key.split("@");
    return [key, { name, tag, digest: digest("a") }];
  });
  const config = ["imageMirror: m", "lettaVersion: 0.9", "postgresVersion: 17"];
  const projectDirectory = temporaryFiles({
    "images.lock.json": JSON.stringify(Object.fromEntries(lock)),
    "Pulumi.letta.yaml": `config:\n${config.map((line) => `  thoth-letta:${line}\n`).join("")}`,
  });
  const expected = ["postgres:17", "redis:1", "nginx:1", "letta:0.9", "base:1"];
  expect(await pinnedReferences({ projectDirectory }, "letta")).toEqual(
    Object.fromEntries(expected.map((image) => [image.replace(/:.*/, ""), `m/${image}@${digest("a")}`])),
  );
});

test("a stack's mirror is the one in its config, else in the environment", () => {
  withEnvironment({ THOTH_LETTA_MIRROR: "of-environment" });
  const projectDirectory = temporaryFiles({ "Pulumi.letta.yaml": "config:\n  thoth-letta:imageMirror: of-config\n" });
  expect(mirrorOf({ projectDirectory }, "letta")).toBe("of-config");
  expect(mirrorOf({ projectDirectory }, "other")).toBe("of-environment");
  withEnvironment({ THOTH_LETTA_MIRROR: undefined });
  expect(mirrorOf({ projectDirectory }, "other")).toBeUndefined();
});

test("the checkout's lock file has every image of the letta stack, and the stand-in's base", () => {
  const keys = Object.keys(JSON.parse(readFileSync(new URL("../../../../images.lock.json", import.meta.url), "utf8")));
  expect(keys.sort()).toEqual([...lettaImages, "base"].sort());
});
