import type { LettaConfig } from "../config/letta.ts";
import { imageReference, type LettaImage } from "../lib/images.ts";

/** Image references of a letta stack's containers; the backup's only where there is one. */
export type LettaStackImages = Readonly<Record<LettaImage, string>> & { readonly backup: string | undefined };

/** The images that a letta stack runs, of the versions in its config. @throws UserError when one is not pinned or built */
export function lettaStackImages(config: LettaConfig, root: string): LettaStackImages {
  const source = { root, images: config.images, mirror: config.imageMirror };
  const { postgresVersion, lettaVersion } = config;
  const { engine } = config.backup;
  // The Postgres of a registry cannot archive; the one that is built here can.
  const archives = engine === "pgbackrest" && config.images === "registry";
  return {
    postgres: imageReference(archives ? "postgres-archiving" : "postgres", source, postgresVersion),
    redis: imageReference("redis", source),
    nginx: imageReference("nginx", source),
    letta: imageReference("letta", source, lettaVersion),
    backup: engine === "off" ? undefined : imageReference("backup", source, postgresVersion),
  };
}
