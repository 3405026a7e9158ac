import type * as pulumi from "@pulumi/pulumi";
import { ProviderResource } from "../components/provider-resource.ts";
import type { ServiceArgs } from "../components/service/args.ts";
import { Service } from "../components/service/service.ts";
import { ofAllRoles, ofOneRole, toolsAreRead } from "../components/thoth-all-in-one.ts";
import type { RoleProgram } from "../components/thoth-role.ts";
import { containersOfRoles, type ThothConfig } from "../config/thoth.ts";
import { roleCheck, roleContainers, shapes, thothNames } from "../lib/names.ts";

/** What both shapes are made of. */
export interface ThothParts {
  readonly config: ThothConfig;
  readonly programs: Readonly<Record<string, RoleProgram>>;
  /** The same for every container. */
  readonly common: Pick<ServiceArgs, "prefix" | "env" | "secretEnv" | "mounts" | "user">;
  readonly networks: { readonly thoth: pulumi.Input<string>; readonly letta: string };
  /** Registers the MCP server in Letta once it answers; gives the API its tools. */
  readonly register: (
    mcp: pulumi.Input<string>,
    api: { readonly toolsUser: string; readonly startsWith?: string },
    dependsOn: pulumi.Resource[],
  ) => pulumi.Resource;
}

/** Makes the containers of all roles, in the shape that the config names. */
export function makeThothContainers(parts: ThothParts, dependsOn: pulumi.Resource[]): void {
  const { config, programs } = parts;
  const { prefix, shape } = config;
  const [other = shape] = shapes.filter((one) => one !== shape);
  const containers = [...new Set(Object.values(roleContainers(prefix, other, Object.keys(programs))))];
  const gone = new ProviderResource("other-shape", "other-shape", { prefix, containers }, { dependsOn });
  const make = shape === "all-in-one" ? allInOne : oneEach;
  make(parts, [...dependsOn, gone]);
}

function oneEach(parts: ThothParts, dependsOn: pulumi.Resource[]): void {
  const { config, programs, register } = parts;
  const make = (role: string, after: pulumi.Resource[]) => {
    const program = programs[role] as RoleProgram;
    return new Service(
      role,
      { ...ofOneRole(program), ...placed(parts, role, { [role]: program }) },
      { dependsOn: [...dependsOn, ...after] },
    );
  };
  const mcp = make("mcp", []);
  const toolsUser = thothNames(config.prefix).role("api");
  make("api", [register(mcp.container.id, { toolsUser }, [mcp.ready])]);
  for (const [role, { isStandIn }] of Object.entries(programs)) {
    // Of Thoth's programs, only the MCP server and the API create the tables that all of them read.
    if (role !== "mcp" && role !== "api") make(role, isStandIn ? [] : [mcp.ready]);
  }
}

function allInOne(parts: ThothParts, dependsOn: pulumi.Resource[]): void {
  const { config, programs, register } = parts;
  const toolsUser = thothNames(config.prefix).allInOne;
  const service = ofAllRoles(programs);
  new Service(
    "all-in-one",
    { ...service, ...placed(parts, "all-in-one", programs) },
    {
      dependsOn,
      readyAfter: ({ id }) => {
        const mcp = new ProviderResource("readiness", "mcp-ready", {
          container: toolsUser,
          containerId: id,
          timeoutSeconds: (programs.mcp as RoleProgram).readyTimeoutSeconds,
          processes: service.limits.processes,
          check: roleCheck("mcp"),
        });
        return [register(id, { toolsUser, startsWith: toolsAreRead }, [mcp])];
      },
    },
  );
}

/** Where a container with these roles is found: its name, networks and ports. */
function placed({ config, common, networks }: ThothParts, service: string, programs: ThothParts["programs"]) {
  const { role } = thothNames(config.prefix);
  const roles = Object.keys(programs);
  const [container = ""] = roles.map((name) => containersOfRoles(config)[name] as string);
  // Every name that a role's own container would have.
  const names = roles.map(role);
  const own = names.filter((name) => name !== container);
  return {
    ...common,
    mounts: [...(common.mounts ?? []), ...sources(config, programs)],
    containerName: container,
    service,
    networks: [
      { id: networks.thoth, aliases: [...roles, ...own] },
      { id: networks.letta, aliases: names },
    ],
    ports: Object.entries(programs).flatMap(([name, { port }]) => publishedPorts(name, port, config)),
  };
}

/** The config's folder of sources, where the image has its own. */
function sources({ source }: ThothConfig, programs: ThothParts["programs"]) {
  const [target] = Object.values(programs).map(({ sourcePath }) => sourcePath);
  return source === undefined || target === undefined ? [] : [{ type: "bind", source, target, readOnly: true }];
}

function publishedPorts(role: string, internal: number | undefined, { ports, bindAddress }: ThothConfig) {
  if ((role !== "api" && role !== "mcp") || internal === undefined) return [];
  return [{ internal, external: ports[role], bindAddress }];
}
