import { z } from "zod";
import { offsiteSchema, retentionSchema, scheduleSchema, settingsSchema } from "../../images/backup/src/contract.ts";

const { archiveSeconds, heartbeatSeconds, drillOnStart } = settingsSchema.shape;

/** How a letta stack is backed up. What the agent needs has the agent's own schema. */
export const backupSchema = z.strictObject({
  /** False makes no backups, and keeps those that exist. */
  enabled: z.boolean("must be true or false").default(true),
  schedule: scheduleSchema.prefault({}),
  retention: retentionSchema.prefault({}),
  archiveSeconds,
  heartbeatSeconds,
  drillOnStart,
  /** A copy of the repository on another host; its secrets are set with `--secret --path`. */
  offsite: offsiteSchema.optional(),
});
