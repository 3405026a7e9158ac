import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Report } from "./events.ts";
import { offsiteError } from "./offsite-errors.ts";
import { run } from "./run.ts";
import type { Offsite } from "./settings.ts";

const knownHostsFile = "/run/letta-backup-known-hosts";
const caFile = "/run/letta-backup-ca.pem";

/** rclone's exit codes for "no such folder" and "no such file". */
const notFoundCodes = [3, 4];

/** How far a transfer is, as rclone tells it. */
export interface TransferStats {
  readonly bytes: number;
  /** Grows while rclone still looks for what there is to do. */
  readonly totalBytes: number;
  /** Seconds left; null while unknown. */
  readonly eta: number | null;
}

/** Tells of a transfer as events. */
export function statsReport(report: Report): (stats: TransferStats) => void {
  return ({ bytes, totalBytes, eta }) =>
    report({ event: "progress", step: "copy", bytes, totalBytes: totalBytes || null, secondsLeft: eta });
}

export interface RcloneOptions {
  readonly input?: string;
  readonly onStats?: (stats: TransferStats) => void;
}

/** A folder on another host, as rclone reaches it. */
export class Remote {
  readonly #offsite: Offsite;
  #env: Promise<Record<string, string>> | undefined;

  constructor(offsite: Offsite) {
    this.#offsite = offsite;
  }

  /** How a person would write it. */
  get name(): string {
    const offsite = this.#offsite;
    return offsite.type === "sftp"
      ? `${offsite.user}@${offsite.host}:${offsite.path}`
      : `${offsite.endpoint.replace(/\/+$/, "")}/${join(offsite.bucket, offsite.path)}`;
  }

  /** A path below the folder, for rclone's arguments. */
  at(path = ""): string {
    const offsite = this.#offsite;
    const folder = offsite.type === "sftp" ? offsite.path : join(offsite.bucket, offsite.path);
    return `offsite:${path === "" ? folder : join(folder, path)}`;
  }

  /** Runs rclone. @throws BackupError that tells why the other host does not do what it should */
  async rclone(args: readonly string[], { input, onStats }: RcloneOptions = {}): Promise<void> {
    const result = await run("rclone", [...this.#flags(onStats !== undefined), ...args], {
      env: await this.#environment(),
      onLine: (line) => onStats !== undefined && tellStats(line, onStats),
      ...(input === undefined ? {} : { input }),
    });
    if (result.exitCode !== 0) throw offsiteError(this.name, result.lastLines);
  }

  /** A small file's text; undefined where there is none. @throws as {@link rclone} */
  async text(path: string): Promise<string | undefined> {
    const args = [...this.#flags(false), "cat", this.at(path)];
    const { exitCode, stdout, lastLines } = await run("rclone", args, { env: await this.#environment() });
    // S3 has no folders: what is not there is a listing of nothing.
    if (exitCode === 0) return stdout === "" ? undefined : stdout;
    if (notFoundCodes.includes(exitCode)) return undefined;
    throw offsiteError(this.name, lastLines);
  }

  #flags(wantsStats: boolean): string[] {
    const offsite = this.#offsite;
    return [
      // What fails is tried again by whoever called, and a host that hangs is told of soon.
      ...["--retries", "1", "--low-level-retries", "3", "--contimeout", "15s", "--timeout", "60s"],
      // Buffers for each transfer: this is a small container.
      ...["--use-json-log", "--skip-links", "--buffer-size", "1M"],
      ...(wantsStats ? ["--stats", "2s", "--stats-log-level", "NOTICE"] : []),
      ...(offsite.type === "s3" && offsite.caCertificate !== undefined ? ["--ca-cert", caFile] : []),
    ];
  }

  /** Made once: another rclone may be reading the files that it names. */
  #environment(): Promise<Record<string, string>> {
    this.#env ??= environmentOf(this.#offsite);
    return this.#env;
  }
}

/** rclone's configuration of the remote `offsite:`, by environment, so that its secrets are in no argument. */
async function environmentOf(offsite: Offsite): Promise<Record<string, string>> {
  const options = offsite.type === "sftp" ? await sftp(offsite) : await s3(offsite);
  const entries = Object.entries({ TYPE: offsite.type, ...options });
  return {
    RCLONE_CONFIG: "/dev/null",
    ...Object.fromEntries(entries.map(([name, value]) => [`RCLONE_CONFIG_OFFSITE_${name}`, value])),
  };
}

async function sftp(offsite: Extract<Offsite, { type: "sftp" }>): Promise<Record<string, string>> {
  const { host, port, user, privateKey, knownHosts } = offsite;
  if (knownHosts !== undefined) await writeFile(knownHostsFile, `${knownHosts}\n`, { mode: 0o644 });
  return {
    HOST: host,
    PORT: String(port),
    USER: user,
    // rclone takes the key in one line.
    KEY_PEM: privateKey.trim().replaceAll("\r", "").replaceAll("\n", "\\n"),
    // An account that may do nothing but SFTP is the better one.
    SHELL_TYPE: "none",
    ...(knownHosts === undefined ? {} : { KNOWN_HOSTS_FILE: knownHostsFile }),
  };
}

async function s3(offsite: Extract<Offsite, { type: "s3" }>): Promise<Record<string, string>> {
  const { endpoint, region, accessKey, secretKey, caCertificate } = offsite;
  if (caCertificate !== undefined) await writeFile(caFile, `${caCertificate}\n`, { mode: 0o644 });
  // Amazon's buckets refuse the "private" that rclone 1.60 sends by default (rclone#6413); others know no other word.
  const isAmazon = /\.amazonaws\.com(\.cn)?$/.test(new URL(endpoint).hostname);
  return {
    ...(isAmazon ? { PROVIDER: "AWS", ACL: "bucket-owner-full-control" } : { PROVIDER: "Other" }),
    ENDPOINT: endpoint,
    REGION: region,
    ACCESS_KEY_ID: accessKey,
    SECRET_ACCESS_KEY: secretKey,
    // The key may be one that cannot make buckets.
    NO_CHECK_BUCKET: "true",
    // Each part of a large file is a buffer of 5 MiB.
    UPLOAD_CONCURRENCY: "2",
  };
}

function tellStats(line: string, onStats: (stats: TransferStats) => void): void {
  if (!line.includes('"stats":')) return;
  const { stats } = JSON.parse(line) as { stats?: TransferStats };
  if (stats !== undefined) onStats(stats);
}
