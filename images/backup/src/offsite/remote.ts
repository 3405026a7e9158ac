import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Offsite } from "../contract.ts";
import { BackupError } from "../errors.ts";
import type { RunOptions, RunResult } from "../process/run.ts";
import type { World } from "../world.ts";

const knownHostsFile = "/run/letta-backup-known-hosts";
const caFile = "/run/letta-backup-ca.pem";

const flags = [
  // The caller tries again, and a host that hangs is reported soon.
  ...["--retries", "1", "--low-level-retries", "3", "--contimeout", "15s", "--timeout", "60s"],
  // Buffers are for each transfer, and this is a small container.
  ...["--skip-links", "--buffer-size", "1M"],
  ...["--stats", "5s", "--stats-one-line", "--stats-log-level", "NOTICE"],
];
/** rclone's exit codes for "no such folder" and "no such file". */
const notFoundCodes = [3, 4];

/** A folder on another host, reached by rclone. */
export class Remote {
  readonly #world: World;
  readonly #offsite: Offsite;
  #env: Promise<Record<string, string>> | undefined;

  constructor(world: World, offsite: Offsite) {
    this.#world = world;
    this.#offsite = offsite;
  }

  /** For messages. */
  get name(): string {
    const offsite = this.#offsite;
    return offsite.type === "sftp"
      ? `${offsite.user}@${offsite.host}:${offsite.path}`
      : `${offsite.endpoint.replace(/\/+$/, "")}/${join(offsite.bucket, offsite.path)}`;
  }

  /** A path below the folder, for rclone's arguments. */
  at(path = ""): string {
    const offsite = this.#offsite;
    return `offsite:${join(offsite.type === "sftp" ? offsite.path : join(offsite.bucket, offsite.path), path)}`;
  }

  /** Runs rclone. @param onStats takes its lines about progress @throws BackupError with its last message */
  async rclone(args: readonly string[], onStats: (line: string) => void = () => {}): Promise<void> {
    const onLine = (line: string) => {
      const stats = /NOTICE:\s+(.*, ETA .*)$/.exec(line)?.[1];
      if (stats !== undefined) onStats(stats);
    };
    const { exitCode, lastLines } = await this.#run(args, { onLine });
    if (exitCode !== 0) throw this.#error(lastLines);
  }

  /** A small file's text; undefined when it does not exist. @throws as {@link rclone} */
  async text(path: string): Promise<string | undefined> {
    const { exitCode, stdout, lastLines } = await this.#run(["cat", this.at(path)]);
    // S3 has no folders: a missing file is an empty listing there.
    if (exitCode === 0) return stdout === "" ? undefined : stdout;
    if (notFoundCodes.includes(exitCode)) return undefined;
    throw this.#error(lastLines);
  }

  async #run(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    // Made once: another rclone may be reading the files that it names.
    this.#env ??= environmentOf(this.#offsite);
    return this.#world.run("rclone", [...flags, ...args], { ...options, env: await this.#env });
  }

  /** rclone's last message says why it failed. A message begins with a date and may have several lines. */
  #error(lines: readonly string[]): BackupError {
    const said = lines.filter((line) => line.trim() !== "" && !line.includes(", ETA "));
    const start = said.findLastIndex((line) => /^\d{4}\/\d\d\/\d\d /.test(line));
    const message = said
      .slice(Math.max(0, start))
      .join(" ")
      .replace(/^[\d/]+ [\d:]+ /, "");
    return new BackupError(
      `${this.name}: ${message.replaceAll(/\s+/g, " ").trim() || "rclone failed without a message"}`,
    );
  }
}

/** Configures rclone's remote `offsite:` by environment: its secrets are in no argument. */
async function environmentOf(offsite: Offsite): Promise<Record<string, string>> {
  const options = offsite.type === "sftp" ? sftp(offsite) : s3(offsite);
  if (offsite.type === "sftp" && offsite.knownHosts !== undefined)
    await writeFile(knownHostsFile, `${offsite.knownHosts}\n`, { mode: 0o644 });
  const isPrivate = offsite.type === "s3" && offsite.caCertificate !== undefined;
  if (isPrivate) await writeFile(caFile, `${offsite.caCertificate}\n`, { mode: 0o644 });
  const entries = Object.entries({ TYPE: offsite.type, ...options });
  const remote = entries.map(([name, value]) => [`RCLONE_CONFIG_OFFSITE_${name}`, value]);
  return {
    RCLONE_CONFIG: "/dev/null",
    ...Object.fromEntries(remote),
    ...(isPrivate ? { RCLONE_CA_CERT: caFile } : {}),
  };
}

function sftp(offsite: Extract<Offsite, { type: "sftp" }>): Record<string, string> {
  const { host, port, user, privateKey, knownHosts } = offsite;
  return {
    HOST: host,
    PORT: String(port),
    USER: user,
    // rclone takes the key in one line.
    KEY_PEM: privateKey.trim().replaceAll("\r", "").replaceAll("\n", "\\n"),
    // An account limited to SFTP is the better one.
    SHELL_TYPE: "none",
    ...(knownHosts === undefined ? {} : { KNOWN_HOSTS_FILE: knownHostsFile }),
  };
}

function s3({ endpoint, region, accessKey, secretKey }: Extract<Offsite, { type: "s3" }>): Record<string, string> {
  // Amazon's buckets refuse the "private" that rclone 1.60 sends by default (rclone#6413); other stores know only that.
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
