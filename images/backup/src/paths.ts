/** Where everything is in the containers of the backup; the same in the sidecars and in containers for one restore. */
export const paths = {
  /** What the letta stack uploads: the settings, with secrets. */
  settings: "/run/thoth-letta/backup.json",
  /** The socket on which the serving process takes commands. */
  control: "/run/letta-backup.sock",
  /** The volume of the cluster, and the cluster and its server's socket in it. */
  volume: "/var/lib/postgresql/data",
  cluster: "/var/lib/postgresql/data/pgdata",
  socket: "/var/lib/postgresql/data/run",
  /** The repository's volume. */
  repository: "/var/lib/backup",
  pgbackrest: "/var/lib/backup/pgbackrest",
  files: "/var/lib/backup/files",
  status: "/var/lib/backup/status",
  /** Scratch space of the rehearsals, and their results. */
  scratch: "/scratch",
  /** Letta's files outside Postgres. */
  lettaHome: "/letta-home",
  /** The exchange area between Letta and its clients. */
  lettaData: "/letta-data",
} as const;

/** The user of Postgres in its images; everything but reading Letta's home runs as this user. */
export const postgresUser = { uid: 999, gid: 999 } as const;
