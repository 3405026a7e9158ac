import { UserError } from "../../infra/lib/errors.ts";
import { agentPaths } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import { formatBytes } from "../lib/format.ts";
import { psql } from "../lib/psql.ts";
import type { UpgradeSite } from "./site.ts";

/** For what is written meanwhile. */
const reserve = 1.2;

/** @throws UserError when there is not room for the copy of the whole cluster that a rehearsal needs, and goes before the next is made */
export async function requireSpace(deps: Deps, { names }: UpgradeSite): Promise<void> {
  const [size = "0"] = await psql(deps, names.postgres, "select sum(pg_database_size(oid)) from pg_database");
  const df = ["exec", names.postgres, "df", "--output=avail", "--block-size=1", agentPaths.cluster];
  const available = Number((await deps.engine.dockerOutput(df)).trim().split("\n").at(-1));
  const needed = Number(size) * reserve;
  if (available > needed) return;
  throw new UserError(
    `an upgrade copies the data, ${formatBytes(Number(size))}, and there are ${formatBytes(available)} free`,
    `free ${formatBytes(needed - available)} where Docker has its volumes`,
  );
}
