import { readFileSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Repository } from "../../images/backup/src/contract.ts";
import { UserError } from "../../infra/lib/errors.ts";
import { imageVersion } from "../../infra/lib/images.ts";
import { callAgent, inContainer } from "../lib/backup-agent/call.ts";
import { type BackupStack, readBackupStack } from "../lib/backup-agent/stack.ts";
import { storeState } from "../lib/backup-agent/state.ts";
import { root } from "../lib/checkout.ts";
import type { Deps } from "../lib/deps.ts";
import { formatBytes } from "../lib/format.ts";
import { stamp } from "../lib/operation.ts";
import { withProgress } from "../lib/progress.ts";
import { databasesOf } from "../lib/stacks.ts";
import { writeWhole } from "../lib/whole-file.ts";
import { type Manifest, manifestFile, readme, sha256 } from "./manifest.ts";
import type { BackupOptions } from "./now.ts";

/** Writes all backups up to this moment as one encrypted archive into an empty folder, with instructions. */
export async function exportBackups(
  { stack, json, folder: given }: BackupOptions & { readonly folder: string },
  deps: Deps,
): Promise<number> {
  const folder = resolve(given);
  const site = await readBackupStack(deps, stack);
  const { backup } = site.containers;
  const { backups } = await callAgent<Repository>(deps, inContainer(backup, ["list"]));
  if (backups.length === 0) throw new UserError(`stack ${stack} has no backup yet`, "make backup");
  await makeEmptyFolder(folder);
  await storeState(deps, stack);
  const file = `${stack}-${stamp()}.backup`;
  const work = { id: "export", title: `Export of the backups of stack ${stack}`, isSilent: json };
  await withProgress(deps, work, async (report) => {
    await callAgent(deps, inContainer(backup, ["dump"]), report);
    await callAgent(deps, inContainer(backup, ["point", `export-${stamp()}`]), report);
    await exportTo(join(folder, file), (outputFile) =>
      callAgent(deps, { ...inContainer(backup, ["export"]), outputFile }, report),
    );
  });
  const manifest = await describe(deps, site, join(folder, file), file);
  await writeWhole(join(folder, "README.txt"), readme(manifest));
  await writeWhole(join(folder, manifestFile), `${JSON.stringify(manifest, undefined, 2)}\n`);
  deps.print(
    json ? JSON.stringify(manifest) : `${join(folder, file)}: ${formatBytes(manifest.archive.bytes)}, encrypted`,
  );
  if (!json) deps.print("only the recovery key opens it: make backup-key");
  return 0;
}

/** Writes a file whole or not at all. */
async function exportTo(path: string, write: (draft: string) => Promise<unknown>): Promise<void> {
  const draft = `${path}.part`;
  try {
    await write(draft);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

async function makeEmptyFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length === 0) return;
  throw new UserError(`${folder} is not empty: nothing is overwritten`, "name another folder");
}

async function describe(deps: Deps, site: BackupStack, path: string, file: string): Promise<Manifest> {
  const { letta, containers } = site;
  const image = async (name: string) => imageVersion((await deps.engine.inspectContainer(name))?.Config.Image ?? "");
  const project = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  return {
    format: 1,
    stack: site.stack,
    createdAt: new Date().toISOString(),
    engine: "pgbackrest",
    databases: databasesOf(letta),
    archive: { file, bytes: (await stat(path)).size, sha256: await sha256(path) },
    versions: {
      "thoth-letta": project.version,
      postgres: (await image(containers.postgres)) ?? "unknown",
      letta: (await image(`${site.prefix}-server`)) ?? "unknown",
      schema: letta.schemaVersion,
    },
  };
}
