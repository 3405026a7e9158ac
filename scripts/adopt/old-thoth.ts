import { existsSync } from "node:fs";
import { join } from "node:path";
import { thothNames, thothRoles } from "../../infra/lib/names.ts";
import { type InspectedContainer, nameOf, type OldRole, type OldThoth, variableOf } from "./installation.ts";
import { publishedPorts } from "./ports.ts";

/** Reads what the old Thoth was from its containers. @returns undefined when there is none with a vault */
export function findThoth(old: readonly InspectedContainer[], prefix: string): OldThoth | undefined {
  const role = (name: string) => old.find((one) => nameOf(one) === thothNames(prefix).role(name));
  const thoth = old.find((one) => folderAt(one, "/vault") !== undefined);
  const vault = thoth === undefined ? undefined : folderAt(thoth, "/vault");
  if (thoth === undefined || vault === undefined) return undefined;
  const folder = thoth.Config.Labels?.["com.docker.compose.project.working_dir"];
  const envFile = folder === undefined ? undefined : join(folder, ".env");
  const { User: user = "" } = thoth.Config;
  return {
    vault,
    vaults: variableOf(thoth, "THOTH_MULTI_USER") === "true" ? folderAt(thoth, "/vaults") : undefined,
    envFile: envFile !== undefined && existsSync(envFile) ? envFile : undefined,
    user: /^\d+:\d+$/.test(user) ? user : undefined,
    // Each of them publishes one port, whatever it is inside.
    ports: publishedPorts({ api: onlyPort(role("api")), mcp: onlyPort(role("mcp")) }),
    ...imagesOf(Object.fromEntries([...thothRoles, "dashboard"].map((name) => [name, role(name)]))),
  };
}

const folderAt = ({ Mounts }: InspectedContainer, path: string) =>
  Mounts.find(({ Destination }) => Destination === path)?.Source;

function onlyPort(container: InspectedContainer | undefined): [InspectedContainer | undefined, number] {
  return [container, Number.parseInt(Object.keys(container?.HostConfig.PortBindings ?? {})[0] ?? "", 10)];
}

/** The last part of each role's image in Thoth's repository. */
const published: Readonly<Record<string, string>> = {
  api: "api",
  mcp: "mcp",
  discovery: "discovery",
  monitor: "pdf-monitor",
};

/** What the roles ran. A role beyond the usual ones keeps its command too. */
function imagesOf(
  containers: Readonly<Record<string, InspectedContainer | undefined>>,
): Pick<OldThoth, "repository" | "release" | "roles"> {
  const all = Object.entries(containers).flatMap(([role, container]) =>
    // Without a name, it is an image whose tag went to another one.
    container === undefined || container.Config.Image.startsWith("sha256:") ? [] : [{ role, ...container.Config }],
  );
  const parts = all.map(({ role, Image }) => new RegExp(`^(.+)/${published[role]}:([^:/@]+)$`).exec(Image));
  const sources = new Set(parts.map((part) => part?.slice(1).join(" ")));
  const [, repository, release] = parts[0] ?? [];
  if (sources.size === 1 && repository !== undefined) return { repository, release };
  const roles = all.map(({ role, Image: image, Cmd }): [string, OldRole] => [
    role,
    role in published ? { image } : { image, command: Cmd ?? undefined },
  ]);
  return roles.length === 0 ? {} : { roles: Object.fromEntries(roles) };
}
