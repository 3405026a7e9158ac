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

/** How one role runs; every default is the stand-in's, so that the real image needs config alone. */
const roleSchema = z.strictObject({
  /** Image reference; default: the one of `repository`, else the stand-in. */
  image: z.string().min(1).optional(),
  /** Command and arguments, e.g. `["python", "-m", "thoth", "monitor"]`. */
  command: z.array(z.string().min(1)).min(1).optional(),
  /** Port the role listens on inside its container. */
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
   * Where Thoth's images `api`, `mcp`, `discovery` and `pdf-monitor` are published, with the registry's host. Without it
   * the stand-in runs: the real Thoth needs API keys to start at all.
   */
  repository: z.string().min(1).optional(),
  /** Tag of those images; a digest, being of one image, goes to `roles.*.image`. */
  release: z
    .string()
    .regex(/^[\w][\w.-]*$/, "must be a tag; a digest goes to roles.*.image")
    .default("latest"),
  bindAddress: bindAddressSchema.default("127.0.0.1"),
  ports: portsSchema({ api: portSchema.default(8080), mcp: portSchema.default(8081) }).prefault({}),
  subnet: subnetSchema.default("172.20.0.0/16"),
  /** The Obsidian vault on this host; `~` and paths relative to the checkout are understood. Created when missing. */
  vault: z.string().min(1).default("vault"),
  /** Whom Thoth runs as, so that files in the vault belong to that user; default: who runs Pulumi. */
  user: userSchema.optional(),
  env: environmentSchema.default({}),
  secretEnv: environmentSchema.default({}),
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

/** The keys that say what a thoth stack stands on; those beside them may be anything. */
export const thothReference = z.object({ lettaStack, project });

/** Completes and checks the thoth stack's config. @throws UserError naming every mistake */
export function parseThothConfig(raw: RawConfig, stack: string, root: string): ThothConfig {
  const config = parseConfig(thothSchema, { prefix: stack, ...raw }, stack);
  const envFile = config.envFile === undefined ? {} : { envFile: expandPath(config.envFile, root) };
  return { ...config, ...envFile, vault: expandPath(config.vault, root), user: config.user ?? callingUser() };
}

/** An absolute path: `~` is the caller's home, anything relative starts at the checkout: Pulumi runs programs elsewhere. */
function expandPath(path: string, root: string): string {
  return resolve(root, path.replace(/^~(?=\/|$)/, homedir()));
}

/** `uid:gid` of the person at the keyboard, also under sudo. */
function callingUser(): string {
  const { SUDO_UID: uid, SUDO_GID: gid } = process.env;
  if (uid !== undefined && gid !== undefined) return `${uid}:${gid}`;
  return `${process.getuid?.() ?? 1000}:${process.getgid?.() ?? 1000}`;
}
