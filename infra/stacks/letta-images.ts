import type { LettaConfig } from "../config/letta.ts";
import { runsTrialModel } from "../config/models.ts";
import { imageReference, type LettaImage } from "../lib/images.ts";

/** Image references of a letta stack's containers; those of backup, trial model and status page only where there is one. */
export type LettaStackImages = Readonly<Record<LettaImage, string>> & {
  readonly backup: string | undefined;
  readonly model: string | undefined;
  readonly page: string | undefined;
};

/** The images that a letta stack runs, of the versions in its config. @throws UserError when one is not pinned or built */
export function lettaStackImages(config: LettaConfig, root: string): LettaStackImages {
  const source = { root, images: config.images, mirror: config.imageMirror };
  const { postgresVersion, lettaImage, lettaVersion } = config;
  const { enabled } = config.backup;
  // A registry's Postgres has no pgBackRest; the local build has.
  const archives = enabled && config.images === "registry";
  return {
    postgres: imageReference(archives ? "postgres-archiving" : "postgres", source, postgresVersion),
    redis: imageReference("redis", source),
    nginx: imageReference("nginx", source),
    letta: lettaImage ?? imageReference("letta", source, lettaVersion),
    model: runsTrialModel(config) ? imageReference("model", source) : undefined,
    page: config.page.enabled ? imageReference("page", source) : undefined,
    backup: enabled ? imageReference("backup", source, postgresVersion) : undefined,
  };
}
