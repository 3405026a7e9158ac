import type { Deps } from "../lib/deps.ts";
import { identifier, literal, psql, psqlToTheEnd } from "../lib/psql.ts";
import type { ProjectRestore } from "./project.ts";

type Names = Pick<ProjectRestore, "project" | "loaded" | "kept">;

/**
 * Puts a loaded database in the place of the project's, which gets another name. Killed anywhere, it can be done again.
 *
 * Clients lose their connections, and come back to the other database under the same name.
 */
export async function swapDatabases(deps: Deps, postgres: string, names: Names): Promise<void> {
  const { project, loaded, kept } = names;
  const before = await databases(deps, postgres);
  try {
    if (before.includes(loaded)) {
      await psqlToTheEnd(deps, postgres, before.includes(project) ? exchange(names) : [rename(loaded, project)]);
    }
  } finally {
    const after = await databases(deps, postgres);
    for (const name of [project, kept].filter((known) => after.includes(known))) {
      await psql(deps, postgres, `alter database ${identifier(name)} with allow_connections true`);
    }
  }
}

/** Statements, each a transaction of its own. */
function exchange({ project, loaded, kept }: Names): string[] {
  return [
    // Applications come back at once, and a database that is in use takes no other name.
    `alter database ${identifier(project)} with allow_connections false`,
    `select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = ${literal(project)}`,
    [rename(project, kept), rename(loaded, project)].join("; "),
  ];
}

function rename(from: string, to: string): string {
  return `alter database ${identifier(from)} rename to ${identifier(to)}`;
}

async function databases(deps: Deps, postgres: string): Promise<string[]> {
  return psql(deps, postgres, "select datname from pg_database");
}
