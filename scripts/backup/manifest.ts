import { createHash } from "node:crypto";
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { UserError } from "../../infra/lib/errors.ts";

const manifestSchema = z.object({
  format: z.literal(1),
  /** Name of the letta stack. */
  stack: z.string(),
  /** ISO 8601. */
  createdAt: z.string(),
  engine: z.literal("pgbackrest"),
  /** Letta's database and those of the projects. */
  databases: z.array(z.string()),
  archive: z.object({ file: z.string(), bytes: z.number(), sha256: z.string() }),
  /** Versions of this project, and of the images and schema that wrote the data. */
  versions: z.record(z.string(), z.string()),
});

/** What lies next to an exported archive, unencrypted. */
export type Manifest = Readonly<z.output<typeof manifestSchema>>;

/** Name of its file. */
export const manifestFile = "manifest.json";

/** @throws UserError when the folder has no export, or one of another version */
export function readManifest(folder: string): Manifest {
  const path = join(folder, manifestFile);
  if (!existsSync(path))
    throw new UserError(`${folder} has no ${manifestFile}, so it is not an export`, "make backup-export");
  const parsed = manifestSchema.safeParse(JSON.parse(readFileSync(path, "utf8")));
  if (parsed.success) return parsed.data;
  throw new UserError(`${path} does not fit this version: ${z.prettifyError(parsed.error)}`);
}

/** The SHA-256 of a file in hex. */
export async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

/** For a person without this project's documentation. */
export function readme({ stack, createdAt, archive, versions }: Manifest): string {
  return `Backup of the letta stack "${stack}", made at ${createdAt}.

${archive.file} is encrypted. It has every backup of the stack with all WAL, Letta's files outside of
Postgres, the stack's config, and its state with all passwords. It opens with the stack's recovery key and with nothing
else: "make backup-key SHOW=1" printed it on the machine that this comes from.

To bring the stack back on a machine that has none of it:

    1. get thoth-letta ${versions["thoth-letta"]}, and in its folder:  make setup
    2. write the recovery key into a file that only you can read
    3. make backup-import FOLDER=<this folder> KEY_FILE=<that file>

The passwords and keys are then the old ones, so applications find what they know.

sha256 ${archive.sha256}  ${archive.file}
versions: ${Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(", ")}
`;
}
