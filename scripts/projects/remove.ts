import { UserError } from "../../infra/lib/errors.ts";
import { rolesOf } from "../../infra/lib/postgres/provision.ts";
import { backupNow } from "../backup/now.ts";
import { makePoint } from "../backup/point.ts";
import { startLetta } from "../letta/start.ts";
import { readBackupStack } from "../lib/backup-agent/stack.ts";
import { confirm } from "../lib/confirm.ts";
import type { Deps } from "../lib/deps.ts";
import { formatBytes } from "../lib/format.ts";
import { requireNoOperation, stamp } from "../lib/operation.ts";
import { identifier, psql } from "../lib/psql.ts";
import { readConfigFile } from "../lib/stack-file.ts";
import type { ProjectOptions } from "./add.ts";
import { describeSessions, readNeighbours } from "./neighbours.ts";
import { deleteOrganization } from "./organization.ts";
import { type PostgresPicture, readPostgres, retiredProjects, sessionsOf } from "./postgres.ts";
import { changeProjects, type ProjectsSite, readRunningSite, requireProject } from "./site.ts";

/** Revokes a project's access and keeps its data; `purge` deletes the data too, after a backup. */
export async function removeProject(options: RemoveOptions, deps: Deps): Promise<number> {
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
  // Refuses a stack without backups, where nothing is purged.
  if (purge) await readBackupStack(deps, stack);
  const size = formatBytes(postgres.databases.find((database) => database.name === name)?.bytes ?? 0);
  if (!(await mayRemove(deps, site, options, { postgres, size }))) return 1;
  if (!retired.includes(name)) {
    await changeProjects(deps, site, { remove: name });
    await startLetta({ stack }, deps);
  }
  if (purge) return purgeData(deps, site, name);
  const { containers, letta } = site;
  const place = `on ${containers.postgres} (volume ${letta.volumes.postgres}) and in its backups`;
  deps.print(`project ${name} of stack ${stack} has no access any more; its data is kept:`);
  deps.print(`  database    ${name}, ${size}, ${place}`);
  deps.print("  in Letta    its user, with its agents");
  deps.print(`to bring it back:        make project-add NAME=${name}`);
  deps.print(`to delete it for good:   make project-remove NAME=${name} PURGE=1`);
  return 0;
}

interface RemoveOptions extends ProjectOptions {
  readonly purge: boolean;
}

async function mayRemove(
  deps: Deps,
  site: ProjectsSite,
  { name, purge, yes }: RemoveOptions,
  { postgres, size }: { readonly postgres: PostgresPicture; readonly size: string },
): Promise<boolean> {
  if (yes) return true;
  const lines = describeSessions(await readNeighbours(deps, site), sessionsOf(postgres, rolesOf(name)));
  const affects = { heading: `logged in as project ${name}, and would be cut off:`, lines };
  if (!purge) return lines.length === 0 || confirm(deps, { yes, affects, question: "remove it all the same?" });
  deps.print(`database ${name} (${size}) would be dropped, and its agents in Letta deleted, after a backup`);
  return confirm(deps, { yes, affects, word: name });
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
  deps.print(`its database is in the backups at restore point ${point}: make project-add NAME=${name},`);
  deps.print(`then make restore PROJECT=${name} POINT=${point}`);
  return 0;
}
