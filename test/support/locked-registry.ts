import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { docker, dockerOutput } from "../../infra/lib/docker/engine.ts";
import { type ImageLock, lockFile } from "../../infra/lib/images.ts";
import { planImages, planOnRegistry } from "../../scripts/images/plan.ts";
import { root } from "../../scripts/lib/checkout.ts";
import { type Registry, startRegistry } from "./registry.ts";
import { imageSource, presentImage } from "./stacks.ts";

/** The checkout's lock file. */
export const checkoutLock = JSON.parse(readFileSync(join(root, lockFile), "utf8")) as ImageLock;

/**
 * Registry mode without an outside registry: one on loopback, as the mirror, serves the images that are here under
 * the names and tags of the checkout's lock file.
 */
export class LockedRegistry {
  readonly registry: Registry;
  /** Key -> digest, as the registry gave them. */
  readonly pushed: Readonly<Record<string, string>>;
  /** A project folder with its own lock file. */
  readonly folder: string;

  private constructor(registry: Registry, pushed: Record<string, string>, folder: string) {
    this.registry = registry;
    this.pushed = pushed;
    this.folder = folder;
  }

  static async start(): Promise<LockedRegistry> {
    const folder = mkdtempSync(join(tmpdir(), "thoth-letta-lock-"));
    const registry = await startRegistry();
    const pushed: Record<string, string> = {};
    for (const [key, { name, tag }] of Object.entries(checkoutLock)) {
      pushed[key] = await registry.push(key === "base" ? await plainDebian(folder) : presentImage(key), name, tag);
    }
    return new LockedRegistry(registry, pushed, folder);
  }

  /** The lock file with the digests of this registry. */
  get lock(): ImageLock {
    const entries = Object.entries(checkoutLock).map(([key, { name, tag }]) => {
      const digest = this.pushed[key] ?? "";
      return [key, { name, tag, digest }] as const;
    });
    return Object.fromEntries(entries);
  }

  /** The reference of an image by its digest. */
  pinned(key: string): string {
    const { name, tag, digest } = this.lock[key] ?? {};
    return `${this.registry.address}/${name}:${tag}@${digest}`;
  }

  readLock(): ImageLock {
    return JSON.parse(readFileSync(join(this.folder, lockFile), "utf8")) as ImageLock;
  }

  writeLock(lock: ImageLock, folder = this.folder): void {
    writeFileSync(join(folder, lockFile), JSON.stringify(lock));
  }

  /** Removes what setup has built on this registry's images, and what its stages left: of no use without the registry. */
  async removeBuilt(): Promise<void> {
    const bases = { base: this.pinned("base"), postgres: this.pinned("postgres") };
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

  async close(): Promise<void> {
    await this.registry.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function imageId(reference: string): Promise<string> {
  return (await docker(["image", "inspect", "--format", "{{.Id}}", reference])).stdout.trim();
}

/** As Debian's own image is: without certificates, helpers and settings of this host. @returns its name or id */
async function plainDebian(folder: string): Promise<string> {
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
