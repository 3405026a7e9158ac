import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive } from "../../scripts/lib/process.ts";

/** Everything a test project makes is named after its four hex digits: its folder, its stacks, all on the engine. */
export const folderStart = "thoth-letta-stacks-";
const objectName = /^(?:letta|thoth)-t([0-9a-f]{4})-/;

/** The folder of the test project with these four hex digits. */
export function projectFolder(suffix: string): string {
  return join(tmpdir(), `${folderStart}${suffix}`);
}

/** What a project's folder says about it: the process it lives for, whether it is up, and the process that uses it. */
export function stateFiles(suffix: string) {
  const file = (name: string) => join(projectFolder(suffix), name);
  return { owner: file("owner.pid"), up: file("up"), failed: file("failed"), user: file("user.pid") };
}

/** `--volumes`: those without a name, which a container made by hand has of its image. */
const removeFlags = { container: ["--force", "--volumes"], network: [], volume: ["--force"] };

/** Removes what a test project has on the engine, then its folder. Synchronous: it also runs in signal handlers. */
export function removeProject(suffix: string): void {
  // A Pulumi run that is still at work would make again what is removed here.
  for (const kind of ["container", "network", "volume"] as const) {
    const names = listObjects(kind).filter((name) => objectName.exec(name)?.[1] === suffix);
    if (names.length > 0) tryDocker([kind, "rm", ...removeFlags[kind], ...names]);
  }
  rmSync(projectFolder(suffix), { recursive: true, force: true });
}

/** Removes every project of this owner. */
export function removeProjectsOf(owner: number): void {
  for (const suffix of knownSuffixes()) if (ownerOf(suffix) === owner) removeProject(suffix);
}

/** Removes what test runs left behind that are no more: those without a folder, and those whose process is gone. */
export function removeLeftovers(): void {
  for (const suffix of knownSuffixes()) {
    const owner = ownerOf(suffix);
    if (owner === undefined || !isAlive(owner)) removeProject(suffix);
  }
}

function knownSuffixes(): Set<string> {
  const folders = readdirSync(tmpdir()).filter((name) => name.startsWith(folderStart));
  const objects = (["container", "network", "volume"] as const).flatMap(listObjects);
  return new Set([
    ...folders.map((name) => name.slice(folderStart.length)),
    ...objects.flatMap((name) => objectName.exec(name)?.[1] ?? []),
  ]);
}

function ownerOf(suffix: string): number | undefined {
  const path = stateFiles(suffix).owner;
  return existsSync(path) ? Number(readFileSync(path, "utf8")) : undefined;
}

function listObjects(kind: "container" | "network" | "volume"): string[] {
  const format = kind === "container" ? "{{.Names}}" : "{{.Name}}";
  const list = [kind, "ls", ...(kind === "container" ? ["--all"] : []), "--format", format];
  return tryDocker(list).split("\n").filter(Boolean);
}

function tryDocker(args: readonly string[]): string {
  try {
    return execFileSync("docker", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch {
    // Gone already, or no engine: in both cases there is nothing left to remove.
    return "";
  }
}
