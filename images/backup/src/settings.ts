import { Cron } from "croner";
import { z } from "zod";

const cron = z.string().refine((text) => {
  try {
    new Cron(text, { paused: true });
    return text.trim().split(/\s+/).length === 5;
  } catch {
    return false;
  }
}, 'must be a cron expression such as "17 3 * * 0"');

/** When each job runs: five cron fields, in UTC. */
export const scheduleSchema = z.strictObject({
  full: cron.default("17 3 * * 0"),
  differential: cron.default("17 2 * * 1-6"),
  incremental: cron.default("17 */6 * * *"),
  verify: cron.default("37 4 * * *"),
  drill: cron.default("47 4 * * *"),
});

/** How long backups are kept. */
export const retentionSchema = z.strictObject({
  /** Every second of this many days can be restored. */
  days: z.int().min(1).max(3650).default(14),
  /** Full backups kept whatever their age. */
  fulls: z.int().min(1).max(100).default(2),
  /** Logical dumps kept of each database. */
  dumps: z.int().min(1).max(365).default(7),
});

const sftpSchema = z.strictObject({
  type: z.literal("sftp"),
  host: z.string().min(1),
  port: z.int().min(1).max(65535).default(22),
  user: z.string().min(1),
  /** Folder on that host. */
  path: z.string().min(1),
  /** The whole private key file, in OpenSSH or PEM form. */
  privateKey: z.string().min(1),
  /** Lines of a known_hosts file; without them any host key is accepted. */
  knownHosts: z.string().optional(),
});

const s3Schema = z.strictObject({
  type: z.literal("s3"),
  /** URL of the service; use plain http only for a store on this machine. */
  endpoint: z.url({ protocol: /^https?$/ }),
  region: z.string().default("us-east-1"),
  bucket: z.string().min(1),
  /** Folder in the bucket. */
  path: z.string().default(""),
  accessKey: z.string().min(1),
  secretKey: z.string().min(1),
  /** PEM of an authority that the image does not know. */
  caCertificate: z.string().optional(),
});

/** A copy of the repository on another host. */
export const offsiteSchema = z.discriminatedUnion("type", [sftpSchema, s3Schema]);
export type Offsite = z.output<typeof offsiteSchema>;

/** Everything that the agent is given; the letta stack makes it from its config. */
export const settingsSchema = z.strictObject({
  /** Opens everything in the repository. */
  recoveryKey: z.string().min(20),
  /** Name of the letta stack. */
  stack: z.string(),
  schedule: scheduleSchema,
  retention: retentionSchema,
  /** Longest time before a write is archived, in seconds. */
  archiveSeconds: z.int().min(1).max(3600).default(60),
  heartbeatSeconds: z.int().min(1).max(3600).default(10),
  /** Run a drill when the drill container starts. */
  drillOnStart: z.boolean().default(true),
  /** Changes with images and config: a reason for a drill. */
  configHash: z.string(),
  /** The stack's generated secrets, name -> value, kept encrypted in the repository. */
  keys: z.record(z.string(), z.string()),
  offsite: offsiteSchema.optional(),
});
export type Settings = Readonly<z.output<typeof settingsSchema>>;
export type SettingsInput = z.input<typeof settingsSchema>;
