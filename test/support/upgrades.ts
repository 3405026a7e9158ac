import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { docker, dockerOutput } from "../../infra/lib/docker/engine.ts";
import { imageReference, localFile } from "../../infra/lib/images.ts";
import { root } from "../../scripts/lib/checkout.ts";
import { writeWhole } from "../../scripts/lib/whole-file.ts";
import type { Outcome } from "../../scripts/upgrade/change.ts";
import type { TestProject } from "./stacks.ts";

/** Changes the schema and overwrites the agents' system prompts, outside of any transaction, then fails. */
export const failingMigration = `
connection = op.get_bind()
connection.commit()
autocommit = connection.execution_options(isolation_level="AUTOCOMMIT")
autocommit.exec_driver_sql("alter table agents add column test_half_done text")
autocommit.exec_driver_sql("update agents set system = 'overwritten'")
raise RuntimeError("the test's migration fails")`;

/** Runs only outside a rehearsal. */
export const outsideRehearsal = (python: string) =>
  `if op.get_bind().exec_driver_sql("show cluster_name").scalar() != "rehearsal":${python.replaceAll("\n", "\n    ")}`;

/** What a test's image has that no release has. */
export interface DerivedImage {
  /** End of the tag, e.g. `fails` -> `0.16.8-test-fails`. */
  readonly name: string;
  /** Image to build on. Default: the Letta that is built here. */
  readonly on?: string;
  /** Body of the `upgrade` function of one more migration, in Python. Default: there is none. */
  readonly migration?: string;
  /** Python that every process of the image runs before its own. */
  readonly startup?: string;
}

const label = "thoth-letta.test=derived";

/**
 * Builds an image with another tag, and a label by which it is removed.
 *
 * @returns its reference
 */
export async function deriveLetta({ name, on, migration, startup }: DerivedImage): Promise<string> {
  const base = on ?? imageReference("letta", { root, images: "local" });
  const reference = `${base.replace(/-(test-.*|[0-9a-f]{12})$/, "")}-test-${name}`;
  const folder = await mkdtemp(join(tmpdir(), "thoth-letta-image-"));
  try {
    const lines = [`FROM ${base}`, `LABEL ${label}`];
    if (migration !== undefined) {
      await writeFile(join(folder, "test.py"), revision(name, await headOf(base), migration));
      lines.push(`COPY test.py /app/alembic/versions/test_${name}.py`);
    }
    if (startup !== undefined) {
      await writeFile(join(folder, "thoth_letta_test.py"), startup);
      await writeFile(join(folder, "thoth_letta_test.pth"), "import thoth_letta_test\n");
      lines.push(
        "COPY thoth_letta_test.* /tmp/",
        "RUN mv /tmp/thoth_letta_test.* /app/.venv/lib/python3*/site-packages/",
      );
    }
    await writeFile(join(folder, "Dockerfile"), `${lines.join("\n")}\n`);
    await dockerOutput(["build", "--quiet", "--tag", reference, folder]);
    return reference;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Builds an image that is the local Postgres under another tag. @returns its reference */
export async function derivePostgres(name: string): Promise<string> {
  const base = imageReference("postgres", { root, images: "local" });
  const reference = `${base.replace(/-[0-9a-f]{12}$/, "")}-test-${name}`;
  await dockerOutput(["build", "--quiet", "--tag", reference, "-"], { input: `FROM ${base}\nLABEL ${label}\n` });
  return reference;
}

/** Removes the tests' images, and their entries in the checkout's list of images. */
export async function removeDerived(): Promise<void> {
  const path = join(root, localFile);
  const known = JSON.parse(readFileSync(path, "utf8")) as Record<string, string>;
  const others = Object.entries(known).filter(([key]) => !key.includes("-test-"));
  await writeWhole(path, `${JSON.stringify(Object.fromEntries(others), undefined, 2)}\n`, 0o644);
  const ids = (await dockerOutput(["images", "--quiet", "--filter", `label=${label}`])).split("\n").filter(Boolean);
  // An image that a stack still runs stays: the next run removes it.
  if (ids.length > 0) await docker(["rmi", "--force", ...new Set(ids)]);
}

async function headOf(image: string): Promise<string> {
  const output = await dockerOutput(["run", "--rm", "--entrypoint", "alembic", image, "heads"]);
  return /^(\S+) \(head\)$/m.exec(output)?.[1] ?? "";
}

function revision(name: string, head: string, body: string): string {
  return `"""test: not a migration of Letta"""
from alembic import op

revision = "test_${name}"
down_revision = "${head}"
branch_labels = None
depends_on = None


def upgrade():
${body.replace(/^/gm, "    ")}


def downgrade():
    pass
`;
}

/** Runs `letta upgrade` with these options. @returns its result, good or bad @throws with its output when there is none */
export async function upgradeOf(project: TestProject, args: readonly string[]): Promise<Outcome> {
  const { stdout, output } = await project.command(["letta", "upgrade", "--yes", "--json", ...args]);
  try {
    return JSON.parse(stdout) as Outcome;
  } catch {
    throw new Error(`letta upgrade gave no result:\n${output}`);
  }
}
