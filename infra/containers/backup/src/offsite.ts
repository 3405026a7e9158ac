import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BackupError } from "./errors.ts";
import { readJson, writeJson } from "./json-file.ts";
import { paths } from "./paths.ts";
import { output, run } from "./run.ts";
import type { Offsite } from "./settings.ts";

/** Names the repository, so that a new and empty one cannot take the place of the copy that is needed then. */
const idFile = "repository.json";
const knownHostsFile = "/run/letta-backup-known-hosts";
const caFile = "/run/letta-backup-ca.pem";

/** What is not for another host: the state of this one, WAL in the clear, and files that are being written. */
const excluded = ["/wal-sink/**", "/status/**", "*.pgbackrest.tmp", "*.new.bin", "*.new", "/lost+found/**"];
/** These name what is there, so they follow it. */
const indexes = ["*.info", "*.info.copy"];

/** The copy of the repository on another host, made by rclone. Postgres never waits for it. */
export class OffsiteCopy {
  readonly #offsite: Offsite;

  constructor(offsite: Offsite) {
    this.#offsite = offsite;
  }

  /**
   * Copies what is not there yet.
   *
   * @param since only files written after it; default: all
   * @param mirror also removes what the repository no longer has
   * @throws BackupError when the other host does not answer, or has the copy of another repository
   */
  async push({ since, mirror = false }: { since?: Date; mirror?: boolean } = {}): Promise<void> {
    await this.#requireSame();
    const recent = since === undefined ? [] : ["--no-traverse", "--max-age", since.toISOString()];
    const verb = mirror ? "sync" : "copy";
    const skip = [...excluded, ...indexes].flatMap((pattern) => ["--exclude", pattern]);
    await this.#rclone([verb, paths.repository, this.#place(), ...skip, ...(mirror ? [] : recent)]);
    const only = indexes.flatMap((pattern) => ["--include", pattern]);
    await this.#rclone(["copy", paths.repository, this.#place(), ...only]);
  }

  /** Brings the whole copy into an empty repository. @throws BackupError when there is none */
  async pull(): Promise<void> {
    await this.#rclone(["copy", this.#place(), paths.repository]);
    if ((await readJson(join(paths.repository, idFile))) === undefined) {
      throw new BackupError(`there is no copy of a repository at ${this.#name()}`, "check thoth-letta:backup.offsite");
    }
  }

  async #requireSame(): Promise<void> {
    const own = await repositoryId();
    const found = await run("rclone", ["cat", `${this.#place()}/${idFile}`], { env: await this.#environment() });
    if (found.exitCode !== 0) {
      // Missing is fine; a host that does not answer is told by the copy itself.
      await this.#rclone(["copyto", join(paths.repository, idFile), `${this.#place()}/${idFile}`]);
      return;
    }
    const { id } = JSON.parse(found.stdout) as { id: string };
    if (id === own) return;
    throw new BackupError(
      `${this.#name()} has the copy of another repository (${id}), which is left as it is`,
      "set another path in thoth-letta:backup.offsite, or restore from that copy first",
    );
  }

  async #rclone(args: readonly string[]): Promise<string> {
    const flags = ["--retries", "2", "--low-level-retries", "3", "--contimeout", "15s", "--timeout", "60s"];
    return output("rclone", [...args, ...flags, ...this.#tlsFlags()], { env: await this.#environment() });
  }

  #tlsFlags(): string[] {
    return this.#offsite.type === "s3" && this.#offsite.caCertificate !== undefined ? ["--ca-cert", caFile] : [];
  }

  #place(): string {
    const offsite = this.#offsite;
    return offsite.type === "sftp" ? `offsite:${offsite.path}` : `offsite:${join(offsite.bucket, offsite.path)}`;
  }

  #name(): string {
    const offsite = this.#offsite;
    return offsite.type === "sftp"
      ? `${offsite.user}@${offsite.host}:${offsite.path}`
      : `${offsite.endpoint}/${join(offsite.bucket, offsite.path)}`;
  }

  /** rclone's configuration of the remote `offsite:`, by environment, so that its secrets are in no argument. */
  async #environment(): Promise<Record<string, string>> {
    const common = { RCLONE_CONFIG: "/dev/null" };
    const offsite = this.#offsite;
    if (offsite.type === "sftp") {
      const known = offsite.knownHosts;
      if (known !== undefined) await writeFile(knownHostsFile, `${known}\n`, { mode: 0o644 });
      return {
        ...common,
        ...remote({ TYPE: "sftp", ...sftp(offsite), ...(known && { KNOWN_HOSTS_FILE: knownHostsFile }) }),
      };
    }
    if (offsite.caCertificate !== undefined) await writeFile(caFile, offsite.caCertificate, { mode: 0o644 });
    return { ...common, ...remote({ TYPE: "s3", ...s3(offsite) }) };
  }
}

function sftp({ host, port, user, privateKey }: Extract<Offsite, { type: "sftp" }>): Record<string, string> {
  // rclone takes the key in one line.
  const key = privateKey.trim().replaceAll("\n", "\\n");
  return { HOST: host, PORT: String(port), USER: user, KEY_PEM: key, SHELL_TYPE: "unix" };
}

function s3({ endpoint, region, accessKey, secretKey }: Extract<Offsite, { type: "s3" }>): Record<string, string> {
  return {
    PROVIDER: "Other",
    ENDPOINT: endpoint,
    REGION: region,
    ACCESS_KEY_ID: accessKey,
    SECRET_ACCESS_KEY: secretKey,
    // The key may be one that cannot list or make buckets.
    NO_CHECK_BUCKET: "true",
  };
}

function remote(options: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [`RCLONE_CONFIG_OFFSITE_${name}`, value]));
}

/** The id of this repository; made when it has none. */
export async function repositoryId(): Promise<string> {
  const path = join(paths.repository, idFile);
  const known = await readJson<{ id: string }>(path);
  if (known !== undefined) return known.id;
  const id = randomUUID();
  await writeJson(path, { id, createdAt: new Date().toISOString() });
  return id;
}
