import { homedir } from "node:os";
import { resolve } from "node:path";
import { z } from "zod";
import { type ThothRole, thothRoles } from "../lib/names.ts";
import {
  bindAddressSchema,
  environmentSchema,
  limits,
  portSchema,
  portsSchema,
  prefixSchema,
  subnetSchema,
} from "./common.ts";
import { parseConfig, type RawConfig } from "./read.ts";

/** How one role runs. Defaults are the stand-in's; the real image needs only config. */
const roleSchema = z.strictObject({
  /** Image reference; default: the one of `repository`, else the stand-in. */
  image: z.string().min(1).optional(),
  /** Command and arguments, e.g. `["python", "-m", "thoth", "monitor"]`. */
  command: z.array(z.string().min(1)).min(1).optional(),
  /** Port that the role listens on in its container. */
  port: portSchema.optional(),
  /** Health check as Docker runs it, e.g. `["CMD-SHELL", "kill -0 1"]`. */
  health: z.array(z.string()).min(2).optional(),
  ...limits({ least: 64, usual: 512 }, 256),
});

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
  /**
   * Repository of Thoth's images `api`, `mcp`, `discovery` and `pdf-monitor`, with the registry's host. Default: the
   * stand-in runs, since the real Thoth does not start without API keys.
   */
  repository: z.string().min(1).optional(),
  /** Tag of those images. A digest identifies one image and belongs in `roles.*.image`. */
  release: z
    .string()
    .regex(/^[\w][\w.-]*$/, "must be a tag; a digest belongs in roles.*.image")
    .default("latest"),
  bindAddress: bindAddressSchema.default("127.0.0.1"),
  ports: portsSchema({ api: portSchema.default(8080), mcp: portSchema.default(8081) }).prefault({}),
  subnet: subnetSchema.default("172.20.0.0/16"),
  /** Path of the Obsidian vault on this host, absolute, from `~` or relative to the checkout. Created if missing. */
  vault: z.string().min(1).default("vault"),
  /** The user that Thoth runs as and that owns the vault's files; default: the one who runs Pulumi. */
  user: userSchema.optional(),
  env: environmentSchema().default({}),
  secretEnv: environmentSchema().default({}),
  /** A file of further `NAME=value` lines, e.g. Thoth's own `.env`; its values are treated as secrets. */
  envFile: z.string().optional(),
  roles: z
    .strictObject(Object.fromEntries(thothRoles.map((role) => [role, roleSchema.prefault({})])) as RoleSchemas)
    .prefault({}),
});

type RoleSchemas = Record<ThothRole, z.ZodPrefault<typeof roleSchema>>;

export type ThothConfig = Readonly<
  Omit<z.output<typeof thothSchema>, "vault" | "user"> & { vault: string; user: string }
>;

const { lettaStack, project } = thothSchema.shape;

/** The keys that name a thoth stack's letta stack and project; the file's other keys may be anything. */
export const thothReference = z.object({ lettaStack, project });

/** Completes and checks the thoth stack's config. @throws UserError naming every mistake */
export function parseThothConfig(raw: RawConfig, stack: string, root: string): ThothConfig {
  const config = parseConfig(thothSchema, { prefix: stack, ...raw }, stack);
  const envFile = config.envFile === undefined ? {} : { envFile: expandPath(config.envFile, root) };
  return { ...config, ...envFile, vault: expandPath(config.vault, root), user: config.user ?? callingUser() };
}

/** An absolute path. Relative ones start at the checkout, since Pulumi runs programs in another folder. */
function expandPath(path: string, root: string): string {
  return resolve(root, path.replace(/^~(?=\/|$)/, homedir()));
}

/** `uid:gid` of the person at the keyboard, also under sudo. */
function callingUser(): string {
  const { SUDO_UID: uid, SUDO_GID: gid } = process.env;
  if (uid !== undefined && gid !== undefined) return `${uid}:${gid}`;
  return `${process.getuid?.() ?? 1000}:${process.getgid?.() ?? 1000}`;
}
