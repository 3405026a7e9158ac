import { randomUUID } from "node:crypto";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Offsite, Report, Settings } from "../contract.ts";
import { BackupError } from "../errors.ts";
import { readJson, writeJson } from "../process/json-file.ts";
import { output } from "../process/run.ts";
import { finishRepository, requireEmptyRepository } from "../store/archive.ts";
import type { World } from "../world.ts";
import { Remote } from "./remote.ts";

type OnStats = (line: string) => void;

/** Names the repository, so that a new and empty one cannot overwrite the copy that is needed then. */
const idFile = "repository.json";
/** These name other files, and follow them. */
const indexes = ["+ /pgbackrest/*/*/*.info", "+ /pgbackrest/*/*/*.info.copy", "- *"];
const notIndexes = ["- *.pgbackrest.tmp", "- *.new.bin", "- *.info", "- *.info.copy"];
const wal = [...notIndexes, "+ /pgbackrest/archive/**", "- *"];
const others = [...notIndexes, "- /pgbackrest/archive/**", "+ /pgbackrest/**", "+ /files/**", "- *"];
const files = [...notIndexes, "+ /pgbackrest/**", "+ /files/**", "- *"];
const filter = (rules: readonly string[]) => rules.flatMap((rule) => ["--filter", rule]);

/** The copy of the repository on another host. At any moment it can be restored from. */
export class OffsiteCopy {
  readonly #world: World;
  readonly #remote: Remote;
  readonly #repository: string;

  constructor(world: World, offsite: Offsite) {
    this.#world = world;
    this.#remote = new Remote(world, offsite);
    this.#repository = world.paths.repository;
  }

  get name(): string {
    return this.#remote.name;
  }

  /**
   * Marks an empty place as this repository's.
   *
   * @returns whether a copy of this repository was there already
   * @throws BackupError when the other host does not answer, or has the copy of another repository
   */
  async claim(): Promise<boolean> {
    const found = await this.#remote.text(idFile);
    if (found === undefined) {
      await this.#remote.rclone([
        "copyto",
        "--ignore-existing",
        join(this.#repository, idFile),
        this.#remote.at(idFile),
      ]);
      return false;
    }
    const id = /"id": ?"([^"]+)"/.exec(found)?.[1];
    if (id === (await repositoryId(this.#world))) return true;
    throw new BackupError(
      `${this.name} has the copy of another repository (${id}), which is left as it is`,
      "set another path in thoth-letta:backup.offsite",
    );
  }

  /** Copies WAL in the order it was written, so that the copy has no gap. @param since only what was archived after */
  async pushWal(since: Date | undefined, onStats?: OnStats): Promise<void> {
    const order = ["--check-first", "--order-by", "name,ascending", "--transfers", "1"];
    const which = since === undefined ? ["--fast-list"] : ["--no-traverse", "--max-age", since.toISOString()];
    await this.#send("copy", wal, [...order, ...which], onStats);
  }

  /** Copies everything else, and after that the indexes as they were at the beginning. @param pushWal runs in between */
  async pushOthers(pushWal: () => Promise<void>, onStats: OnStats): Promise<void> {
    const snapshot = join(this.#world.paths.status, "offsite-indexes");
    const env = { RCLONE_CONFIG: "/dev/null" };
    await output(this.#world, "rclone", ["sync", this.#repository, snapshot, ...filter(indexes)], { env });
    await this.#send("copy", others, ["--transfers", "4", "--fast-list"], onStats);
    // What the new indexes name needs its WAL.
    await pushWal();
    // One at a time: pgBackRest reads an index's copy when a write of the index was cut short.
    await this.#remote.rclone(["copy", snapshot, this.#remote.at(), "--transfers", "1"]);
  }

  /** Copies whatever is still missing, and removes what is no longer here. */
  async mirror(onStats: OnStats): Promise<void> {
    await this.#send("sync", files, ["--transfers", "4", "--fast-list", "--delete-after"], onStats);
  }

  /**
   * Brings the whole copy into an empty repository, even while it is being pushed to. An interrupted pull resumes.
   *
   * @throws BackupError when there is no copy, this repository is not empty, or the key is not the copy's
   */
  async pull(settings: Settings, report: Report): Promise<{ backups: readonly string[] }> {
    // Without indexes there are no backups, so an unfinished pull cannot pass for a repository.
    const pulled = join(this.#repository, "incomplete-pull");
    await requireEmptyRepository(this.#world, basename(pulled));
    report({ event: "step", title: `copying from ${this.name}` });
    if ((await this.#remote.text(idFile)) === undefined)
      throw new BackupError(`there is no copy of a repository at ${this.name}`, "check thoth-letta:backup.offsite");
    await output(this.#world, "chown", ["999:999", this.#repository], { asRoot: true });
    await output(this.#world, "mkdir", ["-p", pulled]);
    const from = this.#remote.at();
    // Somebody is waiting for this.
    const patience = ["--retries", "10", "--retries-sleep", "10s"];
    const fetchIndex = async () => {
      await this.#remote.rclone(["sync", from, pulled, ...filter(indexes), ...patience]);
      return readFile(join(pulled, "pgbackrest/backup/main/backup.info"), "base64");
    };
    const fetchFiles = () =>
      this.#remote.rclone(["copy", from, this.#repository, ...filter(files), ...patience], (line) =>
        report({ event: "log", line }),
      );
    // When the index has changed meanwhile, a backup was made or removed: another round fetches what is new.
    for (let before = "", now = await fetchIndex(); now !== before; now = await fetchIndex()) {
      before = now;
      await fetchFiles();
    }
    await output(this.#world, "cp", ["--archive", `${pulled}/.`, this.#repository], { asRoot: true });
    await rm(pulled, { recursive: true, force: true });
    return finishRepository(this.#world, settings);
  }

  async #send(command: "copy" | "sync", rules: readonly string[], options: readonly string[], onStats?: OnStats) {
    // A backup in progress is copied as far as it is: nothing names it yet, and the next push has the rest.
    const args = [command, this.#repository, this.#remote.at(), ...filter(rules), ...options];
    await this.#remote.rclone([...args, "--local-no-check-updated"], onStats);
  }
}

/** The id of this repository; made when it has none. */
export async function repositoryId({ paths }: Pick<World, "paths">): Promise<string> {
  const file = join(paths.repository, idFile);
  const known = await readJson<{ id: string }>(file);
  if (known !== undefined) return known.id;
  const id = randomUUID();
  await writeJson(file, { id, createdAt: new Date().toISOString() });
  return id;
}

/** Changes when backups, dumps or files are added or removed. */
export async function repositoryState({ paths }: Pick<World, "paths">): Promise<string> {
  const index = await stat(join(paths.pgbackrest, "backup/main/backup.info")).catch(() => undefined);
  const names = await readdir(paths.files, { recursive: true }).catch(() => []);
  const stored = names.filter((name) => name.endsWith(".bin") && !name.endsWith(".new.bin")).sort();
  const sizes = stored.map(async (name) => (await stat(join(paths.files, name)).catch(() => undefined))?.mtimeMs);
  return JSON.stringify([index?.mtimeMs, stored, await Promise.all(sizes)]);
}
