import { z } from "zod";
import { proxyRole, type Shape, type ThothRole, thothRoles } from "../lib/names.ts";
import { limits, mebibytes, portSchema } from "./common.ts";
import { refuseKey } from "./read.ts";

const { processes, cpus } = limits({ least: 64, usual: 512 }, 256);

/** Ports that Thoth's roles listen on in their container, by default. */
export const rolePorts: Readonly<Record<string, number>> = {
  ...{ api: 8000, mcp: 8001, discovery: 8002, monitor: 8003 },
} satisfies Record<ThothRole, number>;

/** How one role runs; components/thoth-role.ts has the defaults, which depend on the image. */
const roleSchema = z.strictObject({
  /** Image reference; default: the stack's `image`, else the one of `repository`, else the stand-in. */
  image: z.string().min(1).optional(),
  /** Command and arguments, e.g. `["python", "-m", "thoth", "monitor"]`. */
  command: z.array(z.string().min(1)).min(1).optional(),
  /** Port that the role listens on in its container. */
  port: portSchema.optional(),
  /** Health check as Docker runs it, e.g. `["CMD", "curl", "-f", "http://127.0.0.1:8000/health"]`. */
  health: z.array(z.string()).min(2).optional(),
  memoryMiB: mebibytes(64).optional(),
  processes,
  cpus,
  /** Time between the stop signal and the kill, in seconds. */
  stopGraceSeconds: z.int().min(1).max(600).optional(),
});
export type RoleConfig = z.output<typeof roleSchema>;

type RoleSchemas = Record<ThothRole, z.ZodPrefault<typeof roleSchema>>;

const roleName = /^[a-z][a-z0-9-]{0,30}$/;
const taken: readonly string[] = [proxyRole, "all-in-one"];
const isKnown = (role: string) => (thothRoles as readonly string[]).includes(role);

/** Thoth's four roles, and further programs of it, e.g. `dashboard`. */
export const rolesSchema = z
  .object(Object.fromEntries(thothRoles.map((role) => [role, roleSchema.prefault({})])) as RoleSchemas)
  .catchall(roleSchema);

/** The parts of a thoth stack's config that say which image runs where. */
interface Images {
  readonly shape?: Shape | undefined;
  readonly image?: string | undefined;
  readonly repository?: string | undefined;
  readonly roles: Readonly<Record<string, RoleConfig>>;
}

/** True when all roles run the same image, by name: the stand-in, or one that the config names. */
function hasOneImage({ image: ofAll, repository, roles }: Images): boolean {
  const images = new Set(Object.values(roles).map(({ image = ofAll }) => image));
  return images.size === 1 && (repository === undefined || !images.has(undefined));
}

/** The shape that a config asks for, or else the one that fits its images. */
export function shapeOf(config: Images): Shape {
  return config.shape ?? (hasOneImage(config) ? "all-in-one" : "roles");
}

/** Refuses roles that say too little, and those that cannot share a container where they have to. */
export function refuseRoles(config: Images, context: z.RefinementCtx): void {
  const { image, repository, roles } = config;
  const refuse = (path: string[], message: string) => context.addIssue({ code: "custom", path, message });
  if (image !== undefined && repository !== undefined) refuseKey(context, ["image"], "does not go with repository");
  for (const [role, { image: own = image, command }] of Object.entries(roles)) {
    if (isKnown(role)) continue;
    const needs = `needs image and command: only ${thothRoles.join(", ")} have defaults`;
    if (!roleName.test(role) || taken.includes(role)) refuse(["roles", role], "cannot be the name of a role");
    else if (own === undefined || command === undefined) refuse(["roles", role], needs);
  }
  if (shapeOf(config) !== "all-in-one") return;
  if (!hasOneImage(config)) {
    const fix = "name one for all with `image`, and no other with `repository` and `roles`, or set shape to roles";
    refuse(["shape"], `is all-in-one, but the roles run several images: ${fix}`);
  }
  const ports = Object.entries(roles).map(([role, { port }]) => port ?? rolePorts[role]);
  const twice = ports.find((port, index) => port !== undefined && ports.indexOf(port) !== index);
  if (twice !== undefined) refuse(["roles"], `name port ${twice} twice, in one container`);
}
