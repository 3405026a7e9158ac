import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { docker, dockerOutput } from "../../infra/lib/docker/engine.ts";
import { freePorts } from "./free-places.ts";

/** An image registry on this host's loopback address, which engines reach without TLS. */
export interface Registry {
  /** `127.0.0.1:<port>`, to be used as a mirror's prefix. */
  readonly address: string;
  /** Pushes an image of the engine under another name. @returns the digest that the registry gave it */
  push(image: string, name: string, tag: string): Promise<string>;
  /** Ends the registry and removes what it has, also the engine's references to it. */
  close(): Promise<void>;
}

const installed = "/usr/bin/docker-registry";

/** Starts Debian's docker-registry: the installed one, else that of the package, which is only unpacked. */
export async function startRegistry(): Promise<Registry> {
  const folder = mkdtempSync(join(tmpdir(), "thoth-letta-registry-"));
  const [port] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  const program = existsSync(installed) ? installed : unpack(folder);
  const config = join(folder, "config.yml");
  const storage = { filesystem: { rootdirectory: join(folder, "storage") } };
  const quiet = { level: "error", accesslog: { disabled: true } };
  writeFileSync(config, JSON.stringify({ version: 0.1, log: quiet, storage, http: { addr: address } }));
  const log = join(folder, "log");
  const registry = spawn(program, ["serve", config], { stdio: ["ignore", "ignore", openSync(log, "a")] });
  await answering(address, registry, log);
  return {
    address,
    push: (image, name, tag) => push(image, `${address}/${name}:${tag}`),
    async close() {
      registry.kill();
      await removeReferences(address);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Downloading needs no root, and unpacking leaves no service behind that listens on a port. */
function unpack(folder: string): string {
  const script =
    "apt-get download -qq docker-registry || { apt-get update -qq && apt-get download -qq docker-registry; }";
  execFileSync("sh", ["-c", script], { cwd: folder, stdio: "pipe" });
  const file = readdirSync(folder).find((name) => name.endsWith(".deb"));
  execFileSync("dpkg-deb", ["--extract", join(folder, String(file)), join(folder, "package")]);
  return join(folder, "package", installed);
}

async function answering(address: string, registry: ChildProcess, log: string): Promise<void> {
  while (registry.exitCode === null) {
    const response = await fetch(`http://${address}/v2/`).catch(() => undefined);
    if (response?.ok) return;
    await delay(50);
  }
  throw new Error(`docker-registry ended with exit code ${registry.exitCode}:\n${readFileSync(log, "utf8")}`);
}

async function push(image: string, reference: string): Promise<string> {
  await dockerOutput(["tag", image, reference]);
  const digest = / digest: (sha256:\S+) /.exec(await dockerOutput(["push", reference]))?.[1];
  if (digest === undefined) throw new Error(`docker push ${reference} tells no digest`);
  return digest;
}

/** Names and digests by which the engine knows what came from or went to the registry; images of other names stay. */
async function removeReferences(address: string): Promise<void> {
  const format = "{{.Repository}}:{{.Tag}} {{.Repository}}@{{.Digest}}";
  const filter = `reference=${address}/*/*`;
  const listing = await dockerOutput(["images", "--digests", "--filter", filter, "--format", format]);
  const references = new Set(listing.split(/\s+/).filter((name) => name !== "" && !name.includes("<none>")));
  for (const reference of references) await docker(["rmi", reference]);
}
