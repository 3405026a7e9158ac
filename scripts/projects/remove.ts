import { UserError } from "../../infra/lib/errors.ts";
import { rolesOf } from "../../infra/lib/postgres/provision.ts";
import { backupNow } from "../backup/now.ts";
import { makePoint } from "../backup/point.ts";
import { startLetta } from "../letta/start.ts";
import { readBackupStack } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import { formatBytes } from "../lib/format.ts";
import { requireNoOperation, stamp } from "../lib/operation.ts";
import { identifier, psql } from "../lib/psql.ts";
import { readConfigFile } from "../lib/stack-file.ts";
import type { ProjectOptions } from "./add.ts";
import { describeSessions, readNeighbours } from "./neighbours.ts";
import { deleteOrganization } from "./organization.ts";
import { readPostgres, retiredProjects, sessionsOf } from "./postgres.ts";
import { changeProjects, type ProjectsSite, readRunningSite, requireProject } from "./site.ts";

/** Keeps a project out and keeps its data; with `purge` its data goes as well, once it has been backed up. */
export async function removeProject(
  options: ProjectOptions & { readonly purge: boolean },
  deps: Deps,
): Promise<number> {
  const { stack, name, purge } = options;
  const site = await readRunningSite(deps, stack);
  const postgres = await readPostgres(deps, site);
  const retired = retiredProjects(postgres, site.config.projects);
  requireProject(site, name, retired);
  if (readConfigFile(deps, stack).defaultProject === name && !retired.includes(name)) {
    throw new UserError(
      `project ${name} is the defaultProject of Pulumi.${stack}.yaml`,
      `pulumi config set defaultProject OTHER -s ${stack}`,
    );
  }
  await requireNoOperation(deps, stack);
  // Without backups nothing is purged: this refuses then.
  if (purge) await readBackupStack(deps, stack);
  const size = postgres.databases.find((database) => database.name === name)?.bytes ?? 0;
  if (!(await mayRemove(deps, site, options, size))) return 1;
  if (!retired.includes(name)) {
    await changeProjects(deps, site, { remove: name });
    await startLetta({ stack }, deps);
  }
  if (purge) return purgeData(deps, site, name);
  deps.print(`project ${name} of stack ${stack} is kept out; what it had is kept:`);
  deps.print(
    `  database    ${name}, ${formatBytes(size)}, on ${site.containers.postgres} (volume ${volumeOf(site)}) and in its backups`,
  );
  deps.print("  in Letta    its user, with its agents");
  deps.print(`back, with the same passwords:  make project-add NAME=${name}`);
  deps.print(`gone for good:                  make project-remove NAME=${name} PURGE=1`);
  return 0;
}

const volumeOf = ({ letta }: ProjectsSite) => letta.volumes.postgres ?? "letta-postgres";

async function mayRemove(
  deps: Deps,
  site: ProjectsSite,
  { name, purge, yes }: Parameters<typeof removeProject>[0],
  size: number,
): Promise<boolean> {
  if (yes) return true;
  const [postgres, neighbours] = await Promise.all([readPostgres(deps, site), readNeighbours(deps, site)]);
  const sessions = describeSessions(neighbours, sessionsOf(postgres, rolesOf(name)));
  if (sessions.length > 0) deps.print(`these are logged in as project ${name}, and would be cut off:`);
  for (const line of sessions) deps.print(`  ${line}`);
  if (!purge) return sessions.length === 0 || (await agrees(deps, deps.confirm("remove it all the same?")));
  deps.print(
    `database ${name} (${formatBytes(size)}) would be dropped, and its agents in Letta deleted, after a backup`,
  );
  return agrees(
    deps,
    deps.ask(`type the project's name to go on:`).then((word) => word === name),
  );
}

async function agrees(deps: Deps, answer: Promise<boolean>): Promise<boolean> {
  if (await answer) return true;
  deps.print("nothing was changed; without a terminal say --yes (make: YES=1)");
  return false;
}

async function purgeData(deps: Deps, site: ProjectsSite, name: string): Promise<number> {
  const { stack, config, containers } = site;
  const point = `before_purge_of_${name}_${stamp()}`;
  await backupNow({ stack, json: false }, deps);
  await makePoint({ stack, json: false, name: point }, deps);
  await psql(deps, containers.postgres, `drop database if exists ${identifier(name)} with (force)`);
  for (const role of rolesOf(name).reverse()) {
    await psql(deps, containers.postgres, `drop role if exists ${identifier(role)}`);
  }
  const isDefault = name === config.defaultProject;
  const hadUser = !isDefault && (await deleteOrganization(deps, containers.postgres, name));
  deps.print(`project ${name} of stack ${stack} is gone: database, roles${hadUser ? ", agents in Letta" : ""}`);
  if (isDefault) deps.print("its agents in Letta are the default user's, and are kept");
  deps.print(`its database is in the backups as of point ${point}: make project-add NAME=${name},`);
  deps.print(`then make restore PROJECT=${name} POINT=${point}`);
  return 0;
}
