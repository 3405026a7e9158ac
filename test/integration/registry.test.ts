import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from "vitest";
import { docker, dockerOutput, inspectContainer } from "../../infra/lib/docker/engine.ts";
import { type ImageLock, lettaImages, localFile, localReference, lockFile } from "../../infra/lib/images.ts";
import { planImages, planOnRegistry } from "../../scripts/images/plan.ts";
import { pullStep } from "../../scripts/images/registry.ts";
import { root } from "../../scripts/lib/checkout.ts";
import { removeProject } from "../support/engine-objects.ts";
import { fakeDeps } from "../support/fake-deps.ts";
import { type Registry, startRegistry } from "../support/registry.ts";
import { runMain } from "../support/run-main.ts";
import { ownProject } from "../support/shared-stacks.ts";
import { imageSource, presentImage, succeeded, type TestProject } from "../support/stacks.ts";

/**
 * Registry mode without an outside registry: one on loopback, as the mirror, serves the images that are here under
 * the names and tags of the checkout's lock file.
 */
let registry: Registry;
/** Key -> digest, as the registry gave them. */
const pushed: Record<string, string> = {};
/** A project folder with its own lock file. */
const folder = mkdtempSync(join(tmpdir(), "thoth-letta-lock-"));
const checkoutLock = JSON.parse(readFileSync(join(root, lockFile), "utf8")) as ImageLock;

const readLock = () => JSON.parse(readFileSync(join(folder, lockFile), "utf8")) as ImageLock;
const lockImages = (mirror = registry.address) =>
  runMain(["images-lock", "--mirror", mirror], { THOTH_LETTA_PROJECT: folder });
const digests = (lock: ImageLock) => Object.fromEntries(Object.entries(lock).map(([key, { digest }]) => [key, digest]));
const pinned = (key: string) => {
  const { name, tag, digest } = readLock()[key] ?? {};
  return `${registry.address}/${name}:${tag}@${digest}`;
};
const writeLock = (lock: ImageLock, directory = folder) =>
  writeFileSync(join(directory, lockFile), JSON.stringify(lock));

beforeAll(async () => {
  registry = await startRegistry();
  for (const [key, { name, tag }] of Object.entries(checkoutLock)) {
    pushed[key] = await registry.push(key === "base" ? await plainDebian() : presentImage(key), name, tag);
  }
  // Without the checkout's digests: those are of another registry's images.
  writeLock(Object.fromEntries(Object.entries(checkoutLock).map(([key, { name, tag }]) => [key, { name, tag }])));
});

afterAll(async () => {
  await registry?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** As Debian's own image is: without certificates, helpers and settings of this host. @returns its name or id */
async function plainDebian(): Promise<string> {
  if (imageSource() === "registry") return presentImage("base");
  const [base] = planImages(root, "0.16.8");
  const container = `${folder.slice(folder.lastIndexOf("/") + 1).toLowerCase()}-base`;
  const archive = join(folder, "base.tar");
  try {
    await dockerOutput(["run", "--interactive", "--name", container, base.reference, "sh"], { input: plainScript });
    await dockerOutput(["export", "--output", archive, container]);
    return (await dockerOutput(["import", archive])).trim();
  } finally {
    await docker(["rm", "--force", container]);
    rmSync(archive, { force: true });
  }
}

const plainScript = `set -e
apt-get purge -y -qq --auto-remove ca-certificates curl
rm -rf /etc/ssl/certs /usr/local/share/ca-certificates /usr/local/sbin/install-packages /etc/apt/apt.conf.d/9*
rm /etc/apt/sources.list
cat >/etc/apt/sources.list.d/debian.sources <<SOURCES
Types: deb
URIs: http://deb.debian.org/debian
Suites: trixie
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
`;

describe("images-lock", () => {
  test("writes the digests that the registry has", async () => {
    const { exitCode, stdout, stderr } = await lockImages();
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(digests(readLock())).toEqual(pushed);
    expect(stdout.split("\n").filter((line) => line.endsWith(" (changed)"))).toHaveLength(Object.keys(pushed).length);
  });

  test("finds nothing changed the second time", async () => {
    const before = readFileSync(join(folder, lockFile), "utf8");
    const { exitCode, stdout } = await lockImages();
    expect(exitCode).toBe(0);
    expect(stdout).not.toContain("(changed)");
    expect(readFileSync(join(folder, lockFile), "utf8")).toBe(before);
  });

  test("finds the one tag that stands for something else now, and that it is back", async () => {
    const { name, tag } = checkoutLock.nginx ?? { name: "", tag: "" };
    const other = await registry.push(presentImage("redis"), name, tag);
    const { stdout } = await lockImages();
    expect(stdout.match(/^.*\(changed\)$/gm)).toEqual([`nginx: ${name}:${tag} is ${other} (changed)`]);
    expect(digests(readLock())).toEqual({ ...pushed, nginx: other });
    expect(await registry.push(presentImage("nginx"), name, tag)).toBe(pushed.nginx);
    await lockImages();
    expect(digests(readLock())).toEqual(pushed);
  });

  test("of a registry that does not answer is one clear error, and changes nothing", async () => {
    const before = readFileSync(join(folder, lockFile), "utf8");
    const { exitCode, stderr } = await lockImages("127.0.0.1:1");
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /^error: 127\.0\.0\.1:1\/\S+ cannot be pulled: .*connection refused\n {2}fix: check the network, or set thoth-letta:images to local to build images here\n$/,
    );
    expect(readFileSync(join(folder, lockFile), "utf8")).toBe(before);
  });
});

describe("the step that pulls", () => {
  const step = () => pullStep(fakeDeps({ projectDirectory: folder }), lettaImages.map(pinned));

  test("has nothing to do when all images are there", async () => {
    expect(await step().isDone()).toBe(true);
  });

  test("pulls the images that are missing, by digest, and only those", async () => {
    const { name, tag } = readLock().redis ?? {};
    await dockerOutput(["rmi", `${registry.address}/${name}:${tag}`]);
    expect(await step().isDone()).toBe(false);
    const lines: string[] = [];
    await step().run((line) => lines.push(line));
    expect(lines).toEqual([`pulling ${pinned("redis")}`]);
    expect(await step().isDone()).toBe(true);
  });
});

describe("what no registry has", () => {
  let project: TestProject;
  const reference = (key: string) => localReference(key, project.folder);

  beforeAll(async () => {
    project = await ownProject({ letta: { images: "registry", imageMirror: registry.address } });
    writeLock(readLock(), project.folder);
  });
  afterAll(removeBuilt);

  test("setup builds it on the registry's images, with the certificates and mirrors of this host", async () => {
    const { stdout } = succeeded(await project.command(["setup"]));
    expect(stdout).toContain("images: registry");
    const built = JSON.parse(readFileSync(join(project.folder, localFile), "utf8")) as Record<string, string>;
    expect(Object.keys(built).sort()).toEqual(["backup", "postgres-archiving", "thoth"]);
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
    expect(await version(reference("postgres-archiving"))).toBe(await version(pinned("postgres")));
    expect(await version(reference("backup"))).toBe(await version(pinned("postgres")));
  });

  test("a letta stack runs it with the lock file's images by digest, and a second preview is empty", async () => {
    onTestFailed(async () => console.log(await project.recentLogs()));
    await project.up(project.letta);
    const { containers, images } = await project.lettaOutputs();
    expect(images).toBe("registry");
    const used = await Promise.all(containers.map(async (name) => (await inspectContainer(name))?.Config.Image));
    const sidecar = reference("backup");
    expect(used).toEqual([
      ...[reference("postgres-archiving"), sidecar, sidecar],
      ...["redis", "letta", "nginx"].map(pinned),
    ]);
    const preview = await project.pulumi(["preview", "--expect-no-changes", "--stack", project.letta]);
    expect(preview.output).not.toMatch(/[~+-] /);
    expect(preview.exitCode).toBe(0);
  });

  /** Removes these images and what their stages left: they are of no use without the registry. */
  async function removeBuilt(): Promise<void> {
    removeProject(project.suffix);
    const bases = { base: pinned("base"), postgres: pinned("postgres") };
    const plans = planOnRegistry(root, bases, ["thoth", "backup"]);
    const ids = (await Promise.all(plans.map(({ reference }) => imageId(reference)))).filter((id) => id !== "");
    for (const { reference } of plans.filter(({ needs }) => needs.length > 0)) await docker(["rmi", reference]);
    const dangling = (await dockerOutput(["images", "--quiet", "--no-trunc", "--filter", "dangling=true"])).split("\n");
    for (const image of dangling.filter((line) => line !== "")) {
      const { stdout } = await docker(["history", "--quiet", "--no-trunc", image]);
      if (stdout.split("\n").some((id) => ids.includes(id))) await docker(["rmi", image]);
    }
    for (const { reference } of plans.filter(({ needs }) => needs.length === 0)) await docker(["rmi", reference]);
  }

  async function imageId(reference: string): Promise<string> {
    return (await docker(["image", "inspect", "--format", "{{.Id}}", reference])).stdout.trim();
  }
});
