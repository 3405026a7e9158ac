import { paths } from "../../images/backup/src/contract.ts";
import type { LettaConfig } from "../config/letta.ts";

/** Where the image has the cluster's volume, the cluster in it, and the socket by which the backup reaches Postgres. */
export const postgresPaths = {
  volume: paths.volume,
  cluster: paths.cluster,
  socket: paths.socket,
  guard: "/usr/local/bin/postgres-guard",
} as const;

const ownSocket = "/var/run/postgresql";
const rules = { hba: "/etc/thoth-letta/pg_hba.conf", ident: "/etc/thoth-letta/pg_ident.conf" } as const;

/** Key and certificate, which postgres-certificate makes. */
const certificate = `${paths.volume}/tls/server.pem`;

/** Files in Postgres' container: path -> file in images/postgres/uploads. */
export const postgresFiles: Readonly<Record<string, string>> = {
  [postgresPaths.guard]: "guard.sh",
  // Next to the guard, which starts it.
  "/usr/local/bin/postgres-certificate": "certificate.sh",
  // The last script that the image runs in a first start.
  "/docker-entrypoint-initdb.d/zz-initialised.sh": "initialised.sh",
  [rules.hba]: "pg_hba.conf",
  [rules.ident]: "pg_ident.conf",
};

/** Server settings as command line options: a preview shows them, and a change replaces the container. */
export function postgresSettings({ sizes, backup }: Pick<LettaConfig, "sizes" | "backup">): string[] {
  const settings = {
    max_connections: sizes.postgres.maxConnections,
    shared_buffers: `${sizes.postgres.sharedBuffersMiB}MB`,
    password_encryption: "scram-sha-256",
    unix_socket_directories: `${ownSocket},${postgresPaths.socket}`,
    // Instead of the cluster's own files, which depend on what made it.
    hba_file: rules.hba,
    ident_file: rules.ident,
    ssl: "on",
    ssl_cert_file: certificate,
    ssl_key_file: certificate,
    ssl_min_protocol_version: "TLSv1.2",
    log_checkpoints: "off",
    wal_level: "replica",
    // A replication slot that nobody reads any more must not fill the disk.
    max_slot_wal_keep_size: "4GB",
    // A restored cluster may name a standby that does not exist here, and then every commit would wait for it.
    synchronous_standby_names: "",
    ...archiveSettings(backup),
  };
  return Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
}

function archiveSettings({ enabled, archiveSeconds }: LettaConfig["backup"]): Record<string, string | number> {
  if (!enabled) return { archive_mode: "off" };
  return {
    archive_mode: "on",
    archive_timeout: archiveSeconds,
    archive_command: "pgbackrest archive-push %p",
  };
}

/** Environment of archive_command in Postgres' container, without the repository's key; the agent has another one. */
export function archiveEnvironment({ enabled }: LettaConfig["backup"]): Record<string, string> {
  if (!enabled) return {};
  return {
    PGBACKREST_STANZA: "main",
    PGBACKREST_REPO1_PATH: paths.pgbackrest,
    PGBACKREST_REPO1_CIPHER_TYPE: "aes-256-cbc",
    PGBACKREST_PG1_PATH: paths.cluster,
    PGBACKREST_PG1_SOCKET_PATH: ownSocket,
    PGBACKREST_COMPRESS_TYPE: "zst",
    PGBACKREST_COMPRESS_LEVEL: "3",
    PGBACKREST_LOG_LEVEL_FILE: "off",
    PGBACKREST_LOG_LEVEL_CONSOLE: "warn",
  };
}
