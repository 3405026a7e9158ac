import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { imageReference, isLettaImage } from "../../infra/lib/images.ts";
import { listDatabases } from "../lib/databases.ts";
import type { Deps } from "../lib/deps.ts";
import { imageSource } from "../lib/stack-images.ts";
import { findCluster, removeCopy, requireMajor, startOldCluster } from "../upgrade/copy.ts";
import { copyNames } from "../upgrade/operation.ts";
import { type AdoptionRecord, dumpFolder, saveAdoption } from "./record.ts";

/**
 * Dumps every old database into files that pg_restore reads, before anything else changes. They come from a copy of the
 * stopped cluster, so that a damaged one shows here.
 */
export async function backUpOld(deps: Deps, record: AdoptionRecord): Promise<AdoptionRecord> {
  if (record.dumps !== undefined) return record;
  const { stack, old } = record;
  const site = { copy: copyNames(deps, stack, "letta-adopt") };
  const own = imageReference("postgres", imageSource(deps, stack));
  const found = await findCluster(deps, old.cluster.volume, own);
  const image = old.cluster.image ?? (await usualImage(deps, own, found.major));
  const fix = `make adopt IMAGE=reference, of an image with Postgres ${found.major}`;
  await requireMajor(deps, image, found.major, fix);
  deps.print(`copying ${found.volume}, Postgres ${found.major}`);
  await startOldCluster(deps, site, image, found);
  const folder = dumpFolder(deps, record);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { postgres } = site.copy.containers;
  for (const database of await listDatabases(deps, postgres)) {
    const file = join(folder, `${database}.dump`);
    const dump = ["exec", postgres, "pg_dump", "--username", "postgres", "--format", "custom", database];
    await deps.$`umask 077; docker ${dump} >${file}`;
    // A file that was cut off has no readable list.
    await deps.$`docker exec -i ${postgres} pg_restore --list <${file} >/dev/null`;
  }
  await removeCopy(deps, site);
  deps.print(`backed the old databases up to ${folder}`);
  return saveAdoption(deps, record, { dumps: folder, old: { ...old, cluster: { volume: found.volume, image } } });
}

/** The stack's own image, or one of Letta that is here, where it has the cluster's version; else upstream's compose file's. */
async function usualImage(deps: Deps, own: string, major: number): Promise<string> {
  const listed = await deps.engine.dockerOutput(["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]);
  for (const image of [own, ...listed.trim().split("\n").filter(isLettaImage)]) {
    const isSame = await requireMajor(deps, image, major, "").then(
      () => true,
      () => false,
    );
    if (isSame) return image;
  }
  return `pgvector/pgvector:pg${major}`;
}
