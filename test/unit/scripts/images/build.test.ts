import { chmodSync, existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { copyContext, imageSteps, lettaImageSteps } from "../../../../scripts/images/build.ts";
import { contentHash } from "../../../../scripts/images/content-hash.ts";
import { hostSettings, settingsFor } from "../../../../scripts/images/host-settings.ts";
import { planImages } from "../../../../scripts/images/plan.ts";
import { fakeDocker } from "../../../support/fake-docker.ts";
import { addFiles, temporaryFiles, temporaryFolder } from "../../../support/temporary.ts";

describe("the hash of an image's inputs", () => {
  it("changes with a file's text, name and executable bit, and with a value", () => {
    const folder = temporaryFiles({ Dockerfile: "FROM base", "bin/start": "exec true" });
    const hashes = [contentHash(folder, ["1"]), contentHash(folder, ["2"])];
    addFiles(folder, { Dockerfile: "FROM other" });
    hashes.push(contentHash(folder, ["1"]));
    chmodSync(join(folder, "bin/start"), 0o755);
    hashes.push(contentHash(folder, ["1"]));
    addFiles(folder, { "bin/stop": "exec true" });
    hashes.push(contentHash(folder, ["1"]));
    expect(new Set(hashes).size).toBe(5);
    expect(hashes[0]).toMatch(/^[0-9a-f]{12}$/);
  });

  it.each([
    ["node_modules\n", "node_modules/a/index.js", false],
    ["*\n!src\n", "test/main.test.ts", false],
    ["*\n!src\n", "src/other.ts", true],
    ["*\n!src\n", "Dockerfile", true],
  ])("with %j in .dockerignore changes with %s: %s", (ignored, file, changes) => {
    const folder = temporaryFiles({ Dockerfile: "FROM base", ".dockerignore": ignored, "src/main.ts": "1" });
    const before = contentHash(folder, []);
    addFiles(folder, { [file]: "changed" });
    expect(contentHash(folder, []) !== before).toBe(changes);
  });
});

describe("the plan", () => {
  it("marks the stand-in, and gives every image that has a Dockerfile a new reference when the base changes", () => {
    const root = checkout({ ...postgresImages, "images/thoth/Dockerfile": "FROM base" });
    const before = referencesOf(root);
    expect(before.map((reference) => reference.replace(/[0-9a-f]{12}$/, ""))).toEqual([
      "thoth-letta/base:trixie-",
      "thoth-letta/letta:1.0.0-",
      "thoth-letta/postgres:17-",
      "thoth-letta/thoth-standin:0.1.0-",
      "thoth-letta/redis:8-",
      "thoth-letta/backup:17-",
    ]);
    const standIn = planImages(root, "1.0.0").find(({ name }) => name === "thoth");
    expect(standIn?.labels).toMatchObject({ "thoth-letta.stand-in": "true" });
    addFiles(root, { "offline/base/build.sh": "changed" });
    expect(referencesOf(root).filter((reference) => before.includes(reference))).toEqual([]);
  });

  it("builds the backup on the Postgres that is built here: another one makes another backup image", () => {
    const root = checkout(postgresImages);
    const find = (name: string) => planImages(root, "1.0.0").find((plan) => plan.name === name);
    const [base, postgres, before] = [planImages(root, "1.0.0")[0], find("postgres"), find("backup")];
    expect(before?.buildArguments).toEqual({ BASE_IMAGE: postgres?.reference, PACKAGES_IMAGE: base.reference });
    // After the stand-in too, with which it shares a layer.
    expect(step(root, "image-backup").needs).toEqual(["image-postgres", "image-base", "image-thoth"]);
    addFiles(root, { "images/backup/src/main.ts": "changed" });
    const withSource = find("backup")?.reference;
    expect(withSource).not.toBe(before?.reference);
    expect(find("postgres")?.reference).toBe(postgres?.reference);
    addFiles(root, { "images/postgres/Dockerfile": "changed" });
    expect([before?.reference, withSource]).not.toContain(find("backup")?.reference);
  });

  it("refuses a release of Letta without a pinned hash, and says where to write it", () => {
    expect(() => planImages(checkout(), "2.0.0")).toThrow(
      /Letta 2\.0\.0 cannot be built: it has no pinned hash, unlike 1\.0\.0[\s\S]*letta\/releases\/letta-2\.0\.0\.txt/,
    );
  });
});

describe("the host's settings", () => {
  it("reach every build if they are proxies, and others only where the Dockerfile declares them", () => {
    const settings = { https_proxy: "http://proxy:3128", PIP_INDEX_URL: "http://index/simple" };
    const dockerfile = "ARG BASE_IMAGE\nFROM base\nARG PIP_INDEX_URL\n";
    expect(settingsFor(dockerfile, { ...settings, NPM_CONFIG_REGISTRY: "x" })).toEqual(settings);
  });

  it("come from the environment before any tool is asked, and are left out where there are none", async () => {
    const env = { http_proxy: "http://p", UV_DEFAULT_INDEX: "http://i", npm_config_registry: "n" };
    const found = { http_proxy: "http://p", PIP_INDEX_URL: "http://i", NPM_CONFIG_REGISTRY: "n" };
    const direct = "localhost,127.0.0.1,::1";
    const lists = { NO_PROXY: direct, no_proxy: direct };
    expect(await hostSettings({ PATH: temporaryFolder(), ...env })).toEqual({ ...found, ...lists });
    expect(await hostSettings({ PATH: temporaryFolder() })).toEqual({});
  });
});

describe("the steps", () => {
  it("are done when the engine has their images and the references are written, for everyone in a private folder", async () => {
    const root = checkout();
    const [base, letta, redis] = referencesOf(root);
    const missing = { exitCode: 1 };
    fakeDocker({ [`image inspect ${base}`]: {}, [`image inspect ${letta}`]: {}, "image inspect": missing });
    const areDone = () => Promise.all(imageSteps({ root, lettaVersion: "1.0.0" }).map(({ isDone }) => isDone()));
    expect(await areDone()).toEqual([true, true, false, false]);
    const lock = step(root, "image-lock");
    expect(lock.needs).toEqual(["image-letta", "image-redis"]);
    await lock.run(() => {});
    expect(await areDone()).toEqual([true, true, false, true]);
    const file = join(root, ".state/images.local.json");
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ letta, redis });
    expect([file, dirname(file)].map((path) => statSync(path).mode & 0o777)).toEqual([0o644, 0o700]);
  });

  it("build an image on the base, and report the builder's steps", async () => {
    const root = checkout();
    const [base, , redis] = referencesOf(root);
    const docker = fakeDocker({ build: { stdout: "Step 1/2 : FROM base\n ---> 0123\nStep 2/2 : RUN true\n" } });
    const redisStep = step(root, "image-redis");
    expect(redisStep.needs).toEqual(["image-base"]);
    const lines: string[] = [];
    await redisStep.run((line) => lines.push(line));
    expect(lines).toEqual(["Step 1/2 : FROM base", "Step 2/2 : RUN true"]);
    expect(docker.calls().find((call) => call.startsWith("build"))).toContain(
      `--network host --tag ${redis} --build-arg BASE_IMAGE=${base} --label org.opencontainers.image.title=Redis 8`,
    );
  });

  it("build from files that every user of an image can read, whatever the umask of the checkout", async () => {
    const folder = temporaryFiles({ "from/start.sh": "true", "from/src/main.ts": "1", "from/node_modules/x.js": "2" });
    chmodSync(join(folder, "from/start.sh"), 0o700);
    chmodSync(join(folder, "from/src/main.ts"), 0o620);
    chmodSync(join(folder, "from/src"), 0o700);
    await copyContext(join(folder, "from"), join(folder, "to"));
    const modes = ["start.sh", "src", "src/main.ts"].map((path) => statSync(join(folder, "to", path)).mode & 0o777);
    expect(modes).toEqual([0o755, 0o755, 0o644]);
    expect(existsSync(join(folder, "to/node_modules"))).toBe(false);
  });

  it("fail with the last lines of the build and what to do", async () => {
    const lines = Array.from({ length: 30 }, (_, index) => `line ${index}`).join("\n");
    fakeDocker({ build: { stdout: `${lines}\n`, stderr: "no space left\n", exitCode: 1 } });
    const failure = await step(checkout(), "image-redis")
      .run(() => {})
      .catch((error: Error) => error.message);
    for (const part of [/^docker build failed \(1\)/, /no space left/, /line 29/, /run make setup again\.$/]) {
      expect(failure).toMatch(part);
    }
    expect(failure).not.toContain("line 9\n");
  });

  it("of another release of Letta write its reference under its version, and leave the rest", async () => {
    const root = checkout({ "images/letta/releases/letta-0.9.0.txt": "letta==0.9.0 --hash=sha256:abc" });
    const steps = lettaImageSteps({ root, version: "0.9.0" });
    expect(steps.map(({ id, needs = [] }) => [id, ...needs])).toEqual([
      ["image-base"],
      ["image-letta@0.9.0", "image-base"],
      ["image-lock", "image-letta@0.9.0"],
    ]);
    addFiles(root, { ".state/images.local.json": '{"redis": "a", "letta@0.8.0": "b"}' });
    await steps[2]?.run(() => {});
    expect(JSON.parse(readFileSync(join(root, ".state/images.local.json"), "utf8"))).toEqual({
      ...{ redis: "a", "letta@0.8.0": "b" },
      "letta@0.9.0": expect.stringMatching(/^thoth-letta\/letta:0\.9\.0-[0-9a-f]{12}$/),
    });
    const all = imageSteps({ root, lettaVersion: "1.0.0", alsoLetta: "0.9.0" }).map(({ id }) => id);
    expect(all).toEqual(["image-base", "image-letta", "image-redis", "image-letta@0.9.0", "image-lock"]);
  });
});

function step(root: string, id: string) {
  const found = imageSteps({ root, lettaVersion: "1.0.0" }).find((candidate) => candidate.id === id);
  if (!found) throw new Error(`no step ${id}`);
  return found;
}

function referencesOf(root: string): string[] {
  return planImages(root, "1.0.0").map(({ reference }) => reference);
}

/** A checkout that has a base, the images of Letta and Redis, and these files. */
function checkout(further: Readonly<Record<string, string>> = {}): string {
  return temporaryFiles({
    "offline/base/build.sh": "build",
    "images/rootfs/usr/local/sbin/install-packages": "install",
    "images/letta/Dockerfile": "FROM base",
    "images/letta/releases/letta-1.0.0.txt": "letta==1.0.0",
    "images/redis/Dockerfile": "FROM base",
    ...further,
  });
}

const postgresImages = { "images/postgres/Dockerfile": "FROM base", "images/backup/Dockerfile": "FROM postgres" };
