import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "../lib/deps.ts";
import { psql } from "../lib/psql.ts";
import type { Place } from "./check.ts";

/**
 * The migrations that an image of Letta would do with a database, in their order, e.g. `9fa274fb0b83 -> a08c972e781b, add …`.
 *
 * @throws UserError when the image does not know the database's revision, which is newer then
 */
export async function pendingMigrations(deps: Deps, image: string, { container, database }: Place): Promise<string[]> {
  const [revision = ""] = await psql(deps, container, "select version_num from alembic_version", database);
  const alembic = ["run", "--rm", "--network", "none", "--entrypoint", "alembic", image];
  const { exitCode, stdout, stderr } = await deps.engine.docker([...alembic, "history", "-r", `${revision}:head`]);
  const said = `${stdout}${stderr}`.trim();
  if (/Can't locate revision/.test(said)) {
    throw new UserError(
      `the database is at revision ${revision}, which ${image} does not know: the database is newer`,
      "go back by a restore instead: make backup-list",
    );
  }
  if (exitCode !== 0) throw new Error(`alembic of ${image}: ${said}`);
  // The last one is the revision's own.
  const isPending = (line: string) => line.includes(" -> ") && !line.includes(`-> ${revision}`);
  return said.split("\n").filter(isPending).toReversed();
}
