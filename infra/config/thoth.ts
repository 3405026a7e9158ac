import { homedir } from "node:os";
import { resolve } from "node:path";
import { z } from "zod";
import { remoteEngine } from "../lib/docker/host.ts";
import { roleContainers, type Shape, shapes, thothNames } from "../lib/names.ts";
import { bindAddressSchema, environmentSchema, portSchema, portsSchema, prefixSchema, subnetSchema } from "./common.ts";
import { parseConfig, type RawConfig, refuseKey } from "./read.ts";
import { refuseRoles, rolesSchema, shapeOf } from "./thoth-roles.ts";

const userSchema = z.string().regex(/^\d+:\d+$/, 'must be "uid:gid" in numbers, e.g. "1000:1000"');

/** The thoth stack's config; every field has a default. */
const thothSchema = z.strictObject({
  kind: z.literal("thoth").default("thoth"),
  /** Start of every Docker name; default: the stack's name. */
  prefix: prefixSchema,
  /** The letta stack to run on. */
  lettaStack: z.string().min(1).default("letta"),
  /** The project of that stack whose database Thoth uses. */
  project: z.string().min(1).default("thoth"),
  /** Default: `all-in-one` where one image serves all roles, as the stand-in does; else `roles`, a container each. */
  shape: z.enum(shapes).optional(),
  /** One image with all of Thoth's roles, run the published way. */
  image: z.string().min(1).optional(),
  /**
   * Repository of Thoth's images `api`, `mcp`, `discovery` and `pdf-monitor`, with the registry's host. Default: the
   * stand-in runs, since the real Thoth does not start without API keys.
   */
  repository: z.string().min(1).optional(),
  /**
   * Tag of those images: `alpha`, `nightly`, `latest` (stable releases; there was none by 2026) or a version as its images have it,
   * without `v`, e.g. `0.5.3-alpha`. A digest identifies one image and belongs in `roles.*.image`.
   */
  release: z
    .string()
    .regex(/^[\w][\w.-]*$/, "must be a tag; a digest belongs in roles.*.image")
    .refine((tag) => !/^v\d/.test(tag), "must be the tag of an image, which has no v: 0.5.3-alpha")
    .default("alpha"),
  bindAddress: bindAddressSchema.default("127.0.0.1"),
  /**
   * `letta`: where a single user's Obsidian plugin, which sends no token, reaches Letta as this project; default: nowhere.
   * Whoever may open it and says it is Obsidian acts as Thoth, as with Thoth's own API.
   */
  ports: portsSchema({
    api: portSchema.default(8080),
    mcp: portSchema.default(8081),
    letta: portSchema.optional(),
  }).prefault({}),
  subnet: subnetSchema.default("172.20.0.0/16"),
  /** Path of the Obsidian vault on this host, absolute, from `~` or relative to the checkout. Created if missing. */
  vault: z.string().min(1).default("vault"),
  /** A folder on this host with a vault for each user: turns Thoth's multi-user mode on. Created if missing. */
  vaults: z.string().min(1).optional(),
  /** The user that Thoth runs as and that owns the vault's files; default: the one who runs Pulumi. */
  user: userSchema.optional(),
  env: environmentSchema().default({}),
  secretEnv: environmentSchema().default({}),
  /** A file of further `NAME=value` lines, e.g. Thoth's own `.env`; its values are treated as secrets. */
  envFile: z.string().optional(),
  /**
   * Folder on this host with Thoth's sources, which run instead of the image's and are loaded again when they change, with
   * debug logs. Set by `dev`; default: the image's own.
   */
  source: z.string().min(1).optional(),
  roles: rolesSchema.prefault({}),
});

export type ThothConfig = Readonly<
  Omit<z.output<typeof thothSchema>, "vault" | "user" | "shape"> & { vault: string; user: string; shape: Shape }
>;

const { lettaStack, project, ports, bindAddress } = thothSchema.shape;

/** The keys that say where a thoth stack's ports are; the file's other keys may be anything. */
export const thothPlace = z.object({ ports, bindAddress });

/** The keys that name a thoth stack's letta stack and project; the file's other keys may be anything. */
export const thothReference = z.object({ lettaStack, project });

/** The plugin's port adds the project's token for anyone, which would give each user everybody's agents. */
function refusePluginPort({ vaults, ports }: z.output<typeof thothSchema>, context: z.RefinementCtx): void {
  if (vaults === undefined || ports.letta === undefined) return;
  const message =
    "does not go with vaults: in multi-user mode the plugin's Letta endpoint is the API's URL with /api/letta";
  refuseKey(context, ["ports", "letta"], message);
}

/** What is a folder or a user of this host by default says nothing about an engine on another one. */
function refusePlacesOfThisHost(config: z.output<typeof thothSchema>, context: z.RefinementCtx): void {
  const engine = remoteEngine();
  if (engine === undefined) return;
  const refuse = (key: string, message: string) => context.addIssue({ code: "custom", path: [key], message });
  for (const key of ["vault", "vaults"] as const) {
    if (config[key]?.startsWith("/") === false) refuse(key, `must be an absolute path on the engine's host, ${engine}`);
  }
  if (config.user === undefined)
    refuse("user", `must say who owns the vault on ${engine}: "1000:1000" or another uid:gid there`);
  if (config.source !== undefined)
    refuseKey(context, ["source"], `is a folder of this host: make dev needs an engine here, not ${engine}`);
}

/** Completes and checks the thoth stack's config. @throws UserError naming every mistake */
export function parseThothConfig(raw: RawConfig, stack: string, root: string): ThothConfig {
  const checked = thothSchema.superRefine((config, context) => {
    refusePluginPort(config, context);
    refusePlacesOfThisHost(config, context);
    refuseRoles(config, context);
  });
  const config = parseConfig(checked, { prefix: stack, ...raw }, stack);
  const envFile = config.envFile === undefined ? {} : { envFile: expandPath(config.envFile, root) };
  const source = config.source === undefined ? {} : { source: expandPath(config.source, root) };
  const vaults = config.vaults === undefined ? {} : { vaults: expandPath(config.vaults, root) };
  return {
    ...config,
    ...envFile,
    ...vaults,
    ...source,
    vault: expandPath(config.vault, root),
    user: config.user ?? callingUser(),
    shape: shapeOf(config),
  };
}

/** Docker names of a thoth stack's containers, in start order. */
export function thothContainers(config: ThothConfig): string[] {
  return [thothNames(config.prefix).proxy, ...new Set(Object.values(containersOfRoles(config)))];
}

/** The container that each role runs in: role -> Docker name, in start order. */
export function containersOfRoles({ prefix, shape, roles }: ThothConfig): Record<string, string> {
  return roleContainers(prefix, shape, Object.keys(roles));
}

/** An absolute path. Relative ones start at the checkout, since Pulumi runs programs in another folder. */
export function expandPath(path: string, root: string): string {
  return resolve(root, path.replace(/^~(?=\/|$)/, homedir()));
}

/** `uid:gid` of the person at the keyboard, also under sudo. */
function callingUser(): string {
  const { SUDO_UID: uid, SUDO_GID: gid } = process.env;
  if (uid !== undefined && gid !== undefined) return `${uid}:${gid}`;
  return `${process.getuid?.() ?? 1000}:${process.getgid?.() ?? 1000}`;
}
