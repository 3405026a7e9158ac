// The one module that the infrastructure and the commands import from here: what the agent is given, where things are in its
// containers, and what it answers.

export {
  type Offsite,
  offsiteSchema,
  retentionSchema,
  type Settings,
  type SettingsInput,
  scheduleSchema,
  settingsSchema,
} from "./settings.ts";

/** Paths in the agent's containers and in Postgres'. */
export const paths = {
  /** The settings, secrets included. */
  settings: "/run/thoth-letta/backup.json",
  /** The socket on which the serving process takes commands. */
  control: "/run/letta-backup.sock",
  /** Postgres' volume; in it the cluster, and the folder of its server's socket. */
  volume: "/var/lib/postgresql/data",
  cluster: "/var/lib/postgresql/data/pgdata",
  socket: "/var/lib/postgresql/data/run",
  /** The repository's volume. */
  repository: "/var/lib/backup",
  pgbackrest: "/var/lib/backup/pgbackrest",
  files: "/var/lib/backup/files",
  status: "/var/lib/backup/status",
  /** Where drills restore to, and leave their result. */
  scratch: "/scratch",
  /** What both leave for the status page. */
  notes: "/status",
  /** Letta's files outside Postgres. */
  lettaHome: "/letta-home",
  /** The exchange area between Letta and its clients. */
  lettaData: "/letta-data",
} as const;

/** Postgres' user in its images; only what reads Letta's files runs as root. */
export const postgresUser = { uid: 999, gid: 999 } as const;

/** What a command reports while it runs, one JSON object a line; the last is its result or its error. */
export type BackupEvent =
  | { readonly event: "step"; readonly title: string }
  | {
      readonly event: "progress";
      readonly step: string;
      readonly bytes: number;
      /** Null while unknown. */
      readonly totalBytes: number | null;
      readonly secondsLeft: number | null;
    }
  | { readonly event: "log"; readonly line: string }
  /** No job changes the repository until the connection closes. */
  | { readonly event: "held" }
  | { readonly event: "result"; readonly value: unknown }
  | { readonly event: "error"; readonly problem: string; readonly fix?: string | undefined };

/** Where a command's events go. */
export type Report = (event: BackupEvent) => void;

/** Where a restore ends. */
export type RestoreTarget =
  | { readonly type: "latest" }
  /** `time` is ISO 8601. */
  | { readonly type: "time"; readonly time: string }
  | { readonly type: "name"; readonly name: string };

/** `latest`, `time:2026-11-24T10:00:00.000Z` or `name:before-upgrade`: how a target is written on a command line. */
export function formatTarget(target: RestoreTarget): string {
  if (target.type === "latest") return "latest";
  return target.type === "time" ? `time:${target.time}` : `name:${target.name}`;
}

/** The reverse of {@link formatTarget}; undefined for any other text. */
export function parseTarget(text: string): RestoreTarget | undefined {
  if (text === "latest") return { type: "latest" };
  const [, type, value = ""] = /^(time|name):(.+)$/.exec(text) ?? [];
  if (type === "name") return { type, name: value };
  const time = new Date(value);
  return type === "time" && !Number.isNaN(time.getTime()) ? { type, time: time.toISOString() } : undefined;
}

export const backupTypes = ["full", "differential", "incremental"] as const;
export type BackupType = (typeof backupTypes)[number];

/** One physical backup in the repository; times are ISO 8601. */
export interface BackupRecord {
  readonly label: string;
  readonly type: BackupType;
  readonly startedAt: string;
  readonly stoppedAt: string;
  /** Read from the cluster. */
  readonly bytes: number;
  /** Added to the repository. */
  readonly repositoryBytes: number;
  /** Size of the whole cluster at that time. */
  readonly databaseBytes: number;
  /** True when pages of the cluster had wrong checksums. */
  readonly error: boolean;
}

/** A moment with a name. */
export interface RestorePoint {
  readonly name: string;
  /** ISO 8601. */
  readonly at: string;
}

/** What the repository holds. */
export interface Repository {
  /** Oldest first. */
  readonly backups: readonly BackupRecord[];
  /** Every moment between these two can be restored; null without a backup. */
  readonly pointInTime: { readonly from: string; readonly to: string } | null;
  readonly points: readonly RestorePoint[];
}

/** One thing that was checked. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** What a restore brought back. */
export interface Restored {
  /** The backup it started from. */
  readonly label: string;
  readonly recoveredTo: { readonly lsn: string; readonly at: string | null };
  readonly bytes: number;
  readonly restoreSeconds: number;
  readonly replaySeconds: number;
  readonly checks: readonly Check[];
}

/** What a drill found. */
export interface DrillResult {
  readonly ok: boolean;
  /** When it began, ISO 8601. */
  readonly at: string;
  readonly seconds: number;
  readonly restoreSeconds: number | null;
  readonly replaySeconds: number | null;
  /** Age of the restored state when the drill began. */
  readonly lossSeconds: number | null;
  /** The restore point. */
  readonly target: string | null;
  readonly label: string | null;
  readonly bytes: number | null;
  readonly checks: readonly Check[];
  /** Why it ended early; null otherwise. */
  readonly problem: string | null;
  /** Images and config at that time. */
  readonly configHash: string;
}

/** The state of the WAL archive. */
export interface ArchiverState {
  readonly lastArchivedAt: string | null;
  /** The segment that cannot be archived and since when; null when all is well. */
  readonly failing: string | null;
  /** Segments that wait. */
  readonly queue: number;
}

/** What `backup status` prints. */
export interface BackupStatus {
  readonly serving: true;
  readonly running: string | null;
  readonly lastBackup: (Pick<BackupRecord, "label" | "type" | "bytes"> & { at: string; seconds: number }) | null;
  readonly nextBackupAt: string | null;
  readonly archive: ArchiverState & { readonly ok: boolean };
  readonly lossSeconds: number | null;
  readonly pointInTime: Repository["pointInTime"];
  readonly verify: { readonly at: string; readonly ok: boolean; readonly problem: string | null } | null;
  readonly drill: DrillResult | null;
  readonly drillOverdue: boolean;
  readonly offsite:
    | { readonly configured: false }
    | { readonly configured: true; readonly lastPushAt: string | null; readonly problem: string | null };
  /** What is wrong; empty is green. */
  readonly problems: readonly string[];
}

/** What the agent leaves for the status page every 15 s; the drill's container leaves the first two. */
export interface BackupNote {
  /** ISO 8601; an old one tells that the container is silent. */
  readonly at: string;
  /** Why its health check fails; null otherwise. */
  readonly problem: string | null;
  readonly status: BackupStatus;
  /** Volume -> bytes on the disk. */
  readonly volumeBytes: Readonly<Record<string, number>>;
}

/** Rows of each table: database -> schema.table -> count. */
export type RowCounts = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Counts the rows of every table of one database, as `name` and `count`; not Postgres' own and the agent's. */
export const rowCountQuery = `
  select format('%I.%I', schemaname, tablename) as name,
    (xpath('/row/count/text()', query_to_xml(format('select count(*) from %I.%I', schemaname, tablename), false, true, '')))[1]::text as count
  from pg_tables where schemaname not in ('pg_catalog', 'information_schema', 'backup') order by 1`;
/** Set first: a project's database may have functions in its search path, which a superuser must not run. */
export const rowCountSettings = "set statement_timeout = '10min'; set search_path = pg_catalog";
