import { z } from "zod";
import { offsiteSchema, retentionSchema, scheduleSchema, settingsSchema } from "../../images/backup/src/settings.ts";

const { archiveSeconds, heartbeatSeconds, rpoZero, rpoZeroWaitSeconds, drillOnStart } = settingsSchema.shape;

/** What makes the backups; `off` makes none, and keeps those that are there. */
export type BackupEngine = "pgbackrest" | "core" | "off";

/** How a letta stack is backed up; the agent's own schema says the same of the same. */
export const backupSchema = z.strictObject({
  engine: z
    .enum(["auto", "pgbackrest", "core", "off"], 'must be "auto", "pgbackrest", "core" or "off"')
    .default("auto")
    // Every Postgres image that this project runs has pgBackRest, or is given it.
    .transform((engine): BackupEngine => (engine === "auto" ? "pgbackrest" : engine)),
  schedule: scheduleSchema.prefault({}),
  retention: retentionSchema.prefault({}),
  archiveSeconds,
  heartbeatSeconds,
  rpoZero,
  rpoZeroWaitSeconds,
  drillOnStart,
  /** A copy of the repository on another host; its secrets are set with `--secret --path`. */
  offsite: offsiteSchema.optional(),
});

export type BackupConfig = Readonly<z.output<typeof backupSchema>>;
