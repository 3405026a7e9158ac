import { existsSync } from "node:fs";
import { join } from "node:path";
import { rolePorts } from "../../infra/config/thoth-roles.ts";
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
    ports: publishedPorts({
      api: [role("all-in-one"), rolePorts.api],
      mcp: [role("all-in-one"), rolePorts.mcp],
      // Each of them publishes one port, whatever it is inside.
      ...Object.fromEntries(["api", "mcp"].flatMap((name) => (role(name) ? [[name, onlyPort(role(name))]] : []))),
    }),
    ...imagesOf(Object.fromEntries(["all-in-one", ...thothRoles, "dashboard"].map((name) => [name, role(name)]))),
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

/** What the roles ran: one image, those of a release, or an image each. A role beyond the usual ones keeps its command. */
function imagesOf(
  containers: Readonly<Record<string, InspectedContainer | undefined>>,
): Pick<OldThoth, "image" | "repository" | "release" | "roles"> {
  const all = Object.entries(containers).flatMap(([role, container]) =>
    // Without a name, it is an image whose tag went to another one.
    container === undefined || container.Config.Image.startsWith("sha256:") ? [] : [{ role, ...container.Config }],
  );
  const usual = all.filter(({ role }) => role !== "dashboard");
  const others = all.filter((one) => !usual.includes(one));
  const roles = Object.fromEntries(
    others.map(({ role, Image: image, Cmd }): [string, OldRole] => [role, { image, command: Cmd ?? undefined }]),
  );
  const added = others.length === 0 ? {} : { roles };
  const images = new Set(usual.map(({ Image }) => Image));
  const [image] = images;
  const parts = usual.map(({ role, Image }) => new RegExp(`^(.+)/${published[role]}:([^:/@]+)$`).exec(Image));
  const [, repository, release] = parts[0] ?? [];
  if (repository !== undefined && parts.every((part) => part?.[1] === repository && part[2] === release))
    return { repository, release, ...added };
  if (images.size === 1) return { image, ...added };
  const each = usual.filter(({ role }) => role in published).map(({ role, Image }) => [role, { image: Image }]);
  return all.length === 0 ? {} : { roles: { ...Object.fromEntries(each), ...roles } };
}
