import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { projectName } from "../../infra/lib/names.ts";
import { projectEnvironment } from "./checkout.ts";
import type { Deps } from "./deps.ts";

/** A stack's state as `pulumi stack export` prints it; secrets are encrypted unless it was asked for them. */
export interface Deployment {
  readonly resources?: readonly StateResource[];
  readonly pending_operations?: readonly {
    readonly type: string;
    readonly resource?: { readonly type: string; readonly inputs?: { readonly name?: string } };
  }[];
}

/** One resource of the state. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly protect?: boolean;
  readonly id: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>> & { readonly name?: string };
  /** URNs. */
  readonly dependencies?: readonly string[];
}

/** The folder of Pulumi's file backend; undefined for any other backend. */
function backendFolder({ projectDirectory }: Pick<Deps, "projectDirectory">): string | undefined {
  const scheme = "file://";
  const url = projectEnvironment().PULUMI_BACKEND_URL ?? "";
  if (!url.startsWith(scheme)) return undefined;
  // Pulumi also accepts `file://~` and `file://./folder`, which are not valid file URLs.
  const path = decodeURIComponent(url.slice(scheme.length).replace(/\?.*$/, ""));
  return resolve(projectDirectory, path.replace(/^~(?=\/|$)/, homedir()));
}

/** Paths of Pulumi's locks on a stack; empty where they are not files. */
export async function lockFiles(deps: Pick<Deps, "projectDirectory">, stack: string): Promise<string[]> {
  const backend = backendFolder(deps);
  if (backend === undefined) return [];
  const folder = join(backend, ".pulumi/locks/organization", projectName, stack);
  const files = await readdir(folder).catch((): string[] => []);
  // Next to each is a file of its attributes.
  return files.filter((name) => name.endsWith(".json")).map((name) => join(folder, name));
}

/**
 * A stack's state, read without Pulumi, which takes a second to start.
 *
 * @returns undefined where it is not such a file: with another backend, compressed, or without such a stack; Pulumi knows more
 */
export async function readStateFile(
  deps: Pick<Deps, "projectDirectory">,
  stack: string,
): Promise<{ readonly deployment: Deployment; readonly hash: string } | undefined> {
  const backend = backendFolder(deps);
  if (backend === undefined) return undefined;
  const path = join(backend, ".pulumi/stacks", projectName, `${stack}.json`);
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const { checkpoint } = JSON.parse(text) as { checkpoint?: { latest?: Deployment } };
  // Absent in a stack that was only made.
  return { deployment: checkpoint?.latest ?? {}, hash: createHash("sha256").update(text).digest("hex") };
}
