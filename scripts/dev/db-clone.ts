import { UserError } from "../../infra/lib/errors.ts";
import { confirm } from "../lib/confirm.ts";
import { copySettings, createDatabase, dropDatabase, swapDatabases } from "../lib/databases.ts";
import type { Deps } from "../lib/deps.ts";
import { stamp } from "../lib/operation.ts";
import { inPostgres } from "../lib/psql.ts";
import { namesOf } from "../lib/stack-file.ts";
import { requireNone } from "../upgrade/check.ts";
import { copyExtensions, dumpOptions, errorsOf } from "../upgrade/dump.ts";
import { type DevOptions, databaseOf } from "./start.ts";

/** Copies one Thoth's database into another's by dump and restore, while both are in use. */
export async function cloneDatabase({ stack, lettaStack, like, yes }: DevOptions, deps: Deps): Promise<number> {
  const { postgres } = namesOf(deps, lettaStack);
  const [from, to] = [databaseOf(deps, like), databaseOf(deps, stack)];
  if (from === to) throw new UserError(`stacks ${stack} and ${like} have the same database, ${to}`, "make dev");
  const affects = { heading: "this replaces, and does not keep:", lines: [`database ${to}, of stack ${stack}`] };
  if (!(await confirm(deps, { yes, affects }))) return 1;
  const [incoming, kept] = [`${to}_incoming_${stamp()}`, `${to}_replaced_${stamp()}`];
  try {
    await createDatabase(deps, postgres, incoming, to);
    await copyExtensions(
      deps,
      { container: postgres, database: from },
      { container: postgres, database: incoming },
      to,
    );
    const dump = inPostgres(postgres, "pg_dump", ...dumpOptions, from);
    const restore = inPostgres(postgres, "pg_restore", "--no-owner", "--role", to, "--dbname", incoming);
    const { exitCode, stderr } = await deps.$({ nothrow: true })`set -o pipefail; docker ${dump} | docker ${restore}`;
    requireNone(exitCode === 0 ? [] : errorsOf(stderr), `database ${from} could not be copied`);
    await copySettings(deps, postgres, from, incoming);
    await swapDatabases(deps, postgres, [{ database: to, incoming, kept }]);
  } finally {
    for (const name of [incoming, kept]) await dropDatabase(deps, postgres, name);
  }
  deps.print(`database ${to} is a copy of ${from}`);
  return 0;
}
