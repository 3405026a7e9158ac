import { open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { chain, output, type Stage } from "./run.ts";

/** A file in the store. */
export interface StoredFile {
  /** Path in the store. */
  readonly name: string;
  /** Encrypted. */
  readonly bytes: number;
  readonly modifiedAt: Date;
}

/** What rclone appends to the names of encrypted files. */
const suffix = ".bin";

/** Files in a folder of the repository, each encrypted and authenticated by rclone's crypt with the recovery key. */
export class EncryptedStore {
  readonly folder: string;
  readonly #key: string;
  #env: Promise<Record<string, string>> | undefined;

  constructor(folder: string, recoveryKey: string) {
    this.folder = folder;
    this.#key = recoveryKey;
  }

  /** Writes what the stages put out, whole or not at all. @returns the encrypted size in bytes */
  async put(name: string, source: readonly Stage[] | Readable, onBytes?: (bytes: number) => void): Promise<number> {
    const final = this.#path(name);
    const partial = this.#path(`${name}.new`);
    await output("mkdir", ["-p", dirname(final)]);
    const sink: Stage = ["rclone", ["rcat", `store:${name}.new`], { env: await this.environment() }];
    const counting = onBytes === undefined ? {} : { onBytes };
    if (Array.isArray(source)) await chain([...source, sink], counting);
    else await chain([sink], { input: source as Readable });
    await synced(partial);
    await rename(partial, final);
    await synced(dirname(final));
    return (await stat(final)).size;
  }

  /** The stage that puts a file out. */
  async get(name: string): Promise<Stage> {
    return ["rclone", ["cat", `store:${name}`], { env: await this.environment() }];
  }

  /** A small file as text. @throws BackupError when it is not there, or the key is another */
  async text(name: string): Promise<string> {
    const [file, args, options] = await this.get(name);
    return output(file, args, options);
  }

  /** The files of a folder of the store, oldest first; empty where there is no such folder. */
  async list(folder = ""): Promise<StoredFile[]> {
    const names = await readdir(join(this.folder, folder), { recursive: true }).catch(() => []);
    const whole = names.filter((name) => name.endsWith(suffix) && !name.endsWith(`.new${suffix}`));
    const files = whole.map(async (name) => {
      const { size, mtime } = await stat(join(this.folder, folder, name));
      return { name: join(folder, name.slice(0, -suffix.length)), bytes: size, modifiedAt: mtime };
    });
    return (await Promise.all(files)).sort((a, b) => a.modifiedAt.getTime() - b.modifiedAt.getTime());
  }

  async remove(name: string): Promise<void> {
    await rm(this.#path(name), { force: true });
  }

  has(name: string): Promise<boolean> {
    return stat(this.#path(name)).then(
      () => true,
      () => false,
    );
  }

  /** rclone's configuration of the remote `store:`, by environment, so that the key is in no file and no argument. */
  environment(): Promise<Record<string, string>> {
    this.#env ??= remoteEnvironment(this.folder, this.#key);
    return this.#env;
  }

  #path(name: string): string {
    return join(this.folder, `${name}${suffix}`);
  }
}

async function remoteEnvironment(folder: string, key: string): Promise<Record<string, string>> {
  // rclone takes passwords only in its own reversible form.
  const password = await output("rclone", ["obscure", "-"], { input: key, env: { RCLONE_CONFIG: "/dev/null" } });
  return {
    RCLONE_CONFIG: "/dev/null",
    RCLONE_CONFIG_STORE_TYPE: "crypt",
    RCLONE_CONFIG_STORE_REMOTE: folder,
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
