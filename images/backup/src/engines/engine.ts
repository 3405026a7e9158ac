import type { Report } from "../events.ts";

export const backupTypes = ["full", "differential", "incremental"] as const;
export type BackupType = (typeof backupTypes)[number];

/** One physical backup in the repository. */
export interface BackupRecord {
  readonly label: string;
  readonly type: BackupType;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly stoppedAt: string;
  /** What was read of the cluster for it. */
  readonly bytes: number;
  /** What it takes of the repository. */
  readonly repositoryBytes: number;
  /** Size of the whole cluster at that time. */
  readonly databaseBytes: number;
  /** True when Postgres' pages had wrong checksums. */
  readonly error: boolean;
}

/** Where a restore ends. */
export type RestoreTarget =
  | { readonly type: "latest" }
  | { readonly type: "time"; readonly time: Date }
  | { readonly type: "name"; readonly name: string; readonly at: Date };

/** One thing that was looked at, and how it was. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/**
 * How a backup treats the database meanwhile: somebody waits for it and a checkpoint is forced, or nobody does, and it takes
 * what processor time is left over and the next checkpoint that comes.
 */
export type Pace = "fast" | "gentle";

/** What can make and restore physical backups with their WAL. */
export interface Engine {
  /**
   * An SQL expression, true when the log sequence number in column `lsn` could be restored to if this host's database
   * were lost now.
   */
  readonly isRecoverable: string;
  /** Makes the repository when there is none, and starts what runs beside Postgres all the time. */
  start(): Promise<void>;
  /** Without a full backup to stand on, every type is a full one. */
  backup(type: BackupType, pace: Pace, report: Report): Promise<BackupRecord>;
  /** Oldest first. Needs the repository alone. */
  list(): Promise<BackupRecord[]>;
  /** Looks at all of the repository: is the WAL without a gap, is every file what it was when it was written. */
  verify(report: Report): Promise<Check[]>;
  /** Removes what retention does not keep. @returns the labels of removed backups */
  expire(): Promise<string[]>;
  /**
   * Puts a cluster's files, with the settings for its recovery, into an empty folder; starting Postgres there replays.
   * Needs the repository alone.
   *
   * @throws BackupError when no backup ends before the target
   */
  fetch(
    target: RestoreTarget,
    cluster: string,
    options: { only?: string | undefined },
    report: Report,
  ): Promise<Fetched>;
  /**
   * Has a cluster that is there follow its own timeline in the archive to its end, and begin a new one.
   *
   * @returns the environment of the server that does so
   */
  prepareRejoin(cluster: string): Promise<Readonly<Record<string, string>>>;
}

/** What {@link Engine.fetch} has put there. */
export interface Fetched {
  readonly label: string;
  readonly bytes: number;
  /** Environment of the server that replays: its restore_command may need it. */
  readonly env: Readonly<Record<string, string>>;
  /** The newest WAL segment in the repository; a restore to the latest state that ends before it has met a gap. */
  readonly newestSegment: string | null;
}

/** The newest backup that ended before the target. */
export function backupFor(target: RestoreTarget, backups: readonly BackupRecord[]): BackupRecord | undefined {
  if (target.type === "latest") return backups.at(-1);
  const at = target.type === "time" ? target.time : target.at;
  return backups.findLast((backup) => Date.parse(backup.stoppedAt) < at.getTime());
}
