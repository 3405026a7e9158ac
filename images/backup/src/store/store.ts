import { open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { output, type Stage } from "../process/run.ts";
import type { World } from "../world.ts";

/** A file in the store. */
interface StoredFile {
  /** Path in the store. */
  readonly name: string;
  /** Encrypted size. */
  readonly bytes: number;
  readonly modifiedAt: Date;
}

/** What rclone appends to the names of encrypted files. */
const suffix = ".bin";

/** Files in a folder of the repository, each encrypted and authenticated by rclone's crypt with the recovery key. */
export class EncryptedStore {
  readonly #world: World;
  readonly #key: string;
  #env: Promise<Record<string, string>> | undefined;

  constructor(world: World, recoveryKey: string) {
    this.#world = world;
    this.#key = recoveryKey;
  }

  /** Writes a text, a stream, or what programs put out; whole or not at all. @returns the encrypted size in bytes */
  async put(name: string, source: string | readonly Stage[] | Readable): Promise<number> {
    const final = this.#path(name);
    const partial = this.#path(`${name}.new`);
    await output(this.#world, "mkdir", ["-p", dirname(final)]);
    const options = { env: await this.#environment(), ...(typeof source === "string" ? { input: source } : {}) };
    const sink: Stage = ["rclone", ["rcat", `store:${name}.new`], options];
    const isStages = Array.isArray(source);
    const input = isStages || typeof source === "string" ? {} : { input: source as Readable };
    await this.#world.pipe(isStages ? [...source, sink] : [sink], input);
    await synced(partial);
    await rename(partial, final);
    await synced(dirname(final));
    return (await stat(final)).size;
  }

  /** The program that puts a file out. */
  async get(name: string): Promise<Stage> {
    return ["rclone", ["cat", `store:${name}`], { env: await this.#environment() }];
  }

  /** A small file as text; undefined when it does not exist. @throws BackupError with another key */
  async text(name: string): Promise<string | undefined> {
    if (!(await stat(this.#path(name)).catch(() => undefined))) return undefined;
    const [file, args, options] = await this.get(name);
    return output(this.#world, file, args, options);
  }

  /** The files of a folder of the store, oldest first; empty when there is no such folder. */
  async list(folder = ""): Promise<StoredFile[]> {
    const root = join(this.#world.paths.files, folder);
    const names = await readdir(root, { recursive: true }).catch(() => []);
    const whole = names.filter((name) => name.endsWith(suffix) && !name.endsWith(`.new${suffix}`));
    const files = whole.map(async (name) => {
      const { size, mtime } = await stat(join(root, name));
      return { name: join(folder, name.slice(0, -suffix.length)), bytes: size, modifiedAt: mtime };
    });
    return (await Promise.all(files)).sort((a, b) => a.modifiedAt.getTime() - b.modifiedAt.getTime());
  }

  async remove(name: string): Promise<void> {
    await rm(this.#path(name), { force: true });
  }

  #path(name: string): string {
    return join(this.#world.paths.files, `${name}${suffix}`);
  }

  /** Configures rclone's remote `store:` by environment: the key is in no file and no argument. */
  #environment(): Promise<Record<string, string>> {
    this.#env ??= remoteEnvironment(this.#world, this.#key);
    return this.#env;
  }
}

async function remoteEnvironment(world: World, key: string): Promise<Record<string, string>> {
  // rclone takes passwords only in its own reversible form.
  const password = await output(world, "rclone", ["obscure", "-"], { input: key, env: { RCLONE_CONFIG: "/dev/null" } });
  return {
    RCLONE_CONFIG: "/dev/null",
    RCLONE_CONFIG_STORE_TYPE: "crypt",
    RCLONE_CONFIG_STORE_REMOTE: world.paths.files,
    RCLONE_CONFIG_STORE_FILENAME_ENCRYPTION: "off",
    RCLONE_CONFIG_STORE_DIRECTORY_NAME_ENCRYPTION: "false",
    RCLONE_CONFIG_STORE_PASSWORD: password.trim(),
  };
}

/** Neither rclone nor a rename waits for the disk. */
async function synced(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
