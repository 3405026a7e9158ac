import { z } from "zod";
import { subnetsOverlap } from "../lib/docker/network.ts";
import { lettaNames } from "../lib/names.ts";
import { backupSchema } from "./backup.ts";
import {
  bindAddressSchema,
  environmentSchema,
  hostSchema,
  mebibytes,
  originSchema,
  portSchema,
  portsSchema,
  prefixSchema,
  subnetSchema,
  versionSchema,
  volumeSchema,
} from "./common.ts";
import { modelsSchema } from "./models.ts";
import { parseConfig, type RawConfig } from "./read.ts";
import { refusedVariables } from "./server-variables.ts";
import { sizesSchema } from "./sizes.ts";

const usualDefaultProject = "thoth";

/** The name of a project's database and of its role. */
export const projectNameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,30}$/, "must be 1-31 of a-z, 0-9 and _, starting with a letter")
  .refine(
    (name) =>
      !["letta", "letta_admin", "postgres", "template0", "template1", "public", "none"].includes(name) &&
      !name.startsWith("pg_"),
    "is a name Postgres or Letta uses",
  );

/** Which generation of credentials is valid; see lib/credentials.ts. */
const credentialStateSchema = z.strictObject({
  generation: z.int().min(1).default(1),
  /** The previous generation works too. */
  overlap: z.boolean().default(false),
});

/** What one project may use of the gateway; beyond it a request gets 429. */
const projectLimitsSchema = z.strictObject({
  /** Average rate of requests. */
  requestsPerSecond: z.int().min(1).max(10_000).default(50),
  /** Requests accepted at once above that rate. */
  burst: z.int().min(0).max(10_000).default(100),
  /** Open requests that start no run. */
  connections: z.int().min(1).max(10_000).default(64),
  /** Runs of agents at a time, in progress or waiting for their turn. */
  runs: z.int().min(1).max(1000).default(200),
});

/** TLS on the gateway's port. */
const tlsSchema = z.union(
  [z.literal("self-signed"), z.strictObject({ certificateFile: z.string().min(1), keyFile: z.string().min(1) })],
  'must be "self-signed", or certificateFile and keyFile: paths of PEM files on this host',
);

const mcpHostSchema = z.union(
  [z.string().regex(/^\*-[a-z0-9-]+$/, { abort: true }), hostSchema],
  "must be a host name or an IP address, without a port, or an ending such as *-mcp",
);

/** The letta stack's config; every field has a default, so an empty file is valid. */
const lettaSchema = z.strictObject({
  kind: z.literal("letta").default("letta"),
  /** Start of every Docker name; default: the stack's name. */
  prefix: prefixSchema,
  /** Where images come from: pinned by digest from a registry, or built on this machine by `offline/`. */
  images: z.enum(["registry", "local"], 'must be "registry" or "local"').default("registry"),
  /** Prefix of a mirror that serves the pinned registry images, e.g. `mirror.example.org/hub`. */
  imageMirror: z.string().optional(),
  /** An image of your own with Letta in it, instead of the pinned or built one. */
  lettaImage: z.string().min(1).optional(),
  /** Version of Letta; default: the pinned one. Set by `letta upgrade`, once there is a way back. */
  lettaVersion: versionSchema.optional(),
  /** Version of the Postgres image; default: the pinned one. */
  postgresVersion: versionSchema.optional(),
  bindAddress: bindAddressSchema.default("127.0.0.1"),
  ports: portsSchema({
    postgres: portSchema.default(5432),
    server: portSchema.default(8283),
    gateway: portSchema.default(8284),
  }).prefault({}),
  subnet: subnetSchema.default("172.22.0.0/16"),
  /** Subnet of the internal network of Redis and Letta. */
  internalSubnet: subnetSchema.default("172.23.0.0/24"),
  projects: z
    .array(projectNameSchema)
    .default(["thoth"])
    .refine((names) => new Set(names).size === names.length, "names a project twice"),
  /** The project that acts as Letta's default user, who has the agents of every older installation; default: `thoth`. */
  defaultProject: z.string().optional(),
  /** Project, or `letta` for Letta's own logins -> which credentials are valid; set by `letta rotate`. */
  credentials: z.record(z.string(), credentialStateSchema).default({}),
  projectLimits: projectLimitsSchema.prefault({}),
  /** TLS on the gateway's port; default: none, which is enough on 127.0.0.1. */
  tls: tlsSchema.optional(),
  /** Browser origins that may call Letta through the gateway and directly. */
  allowedOrigins: z
    .array(originSchema)
    .default(["app://obsidian.md", "capacitor://localhost", "http://localhost", "https://app.letta.com"]),
  /** Proxies in front of the gateway whose X-Forwarded-For is believed. */
  trustedProxies: z
    .array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], "must be an IP address or a subnet"))
    .default([]),
  /**
   * Hosts on private addresses that may be MCP servers of Letta's agents; Letta refuses all others. `*-mcp` are all containers
   * with names that end like this: those of every thoth stack, so that another one changes nothing here.
   */
  mcpHosts: z.array(mcpHostSchema).default(["*-mcp"]),
  /** Largest request body the gateway accepts, in MiB. */
  maxRequestMiB: mebibytes(1).default(100),
  /** What Letta keeps of each call of a model: names, durations and token counts, or also prompt and answer in full. */
  traces: z.enum(["metadata", "full"], 'must be "metadata" or "full"').default("metadata"),
  /** Largest context window Letta gives an agent, in tokens. Letta 0.16.7 raised its own default from 32000 to 128000. */
  contextWindowLimit: z.int().min(4000).default(128_000),
  models: modelsSchema.prefault({}),
  /** Extra environment of the Letta server. */
  env: environmentSchema(refusedVariables).default({}),
  /** Extra secret environment of the Letta server; set it with `--secret --path`. */
  secretEnv: environmentSchema(refusedVariables).default({}),
  sizes: sizesSchema.prefault({}),
  backup: backupSchema.prefault({}),
  /** The status page at the gateway, `/status`. */
  page: z.strictObject({ enabled: z.boolean("must be true or false").default(true) }).prefault({}),
  /** Start of the volumes' names; default: the prefix. Set by `adopt`, where an older installation has those names. */
  volumePrefix: prefixSchema.optional(),
  /** The volume that Postgres runs on; default: `<volumePrefix>-postgres`. A restore creates another one and sets this. */
  postgresVolume: volumeSchema.optional(),
});

const { ports, bindAddress } = lettaSchema.shape;

/** The keys that say where a letta stack's ports are; the file's other keys may be anything. */
export const lettaPlace = z.object({ ports, bindAddress });

export type LettaConfig = Readonly<
  z.output<typeof lettaSchema> & { postgresVolume: string; volumePrefix: string; defaultProject: string }
>;

const { projects, defaultProject, credentials } = lettaSchema.shape;

/** The keys about projects alone, for commands that change them; the file's other keys may be anything. */
export const projectsSchema = z
  .object({ projects, defaultProject, credentials })
  .superRefine(refuseUnknownDefault)
  .transform((config) => ({ ...config, defaultProject: config.defaultProject ?? usualDefaultProject }));

/** Completes and checks the letta stack's config. @throws UserError naming every mistake */
export function parseLettaConfig(raw: RawConfig, stack: string): LettaConfig {
  const schema = lettaSchema
    .superRefine(refuseOtherVolumes)
    .superRefine(refuseSharedAddresses)
    .superRefine(refuseUnknownDefault, whereProjectsAreValid);
  const config = parseConfig(schema, { prefix: stack, ...raw }, stack);
  const { prefix, volumePrefix = prefix } = config;
  return {
    ...config,
    volumePrefix,
    defaultProject: config.defaultProject ?? usualDefaultProject,
    postgresVolume: config.postgresVolume ?? lettaNames(prefix, volumePrefix).volumes.postgres,
  };
}

/** So that it is reported together with mistakes in other keys. */
const whereProjectsAreValid = {
  when: ({ value }: z.core.ParsePayload) => z.object({ projects, defaultProject }).safeParse(value).success,
};

/** A typo here would hide the agents of an older installation from every project. */
function refuseUnknownDefault(
  { projects: names, defaultProject: name }: { projects: string[]; defaultProject?: string | undefined },
  context: z.RefinementCtx,
): void {
  if (name === undefined || names.includes(name)) return;
  context.addIssue({
    code: "custom",
    path: ["defaultProject"],
    message: `"${name}" is not one of the projects (${names.join(", ")})`,
  });
}

function refuseOtherVolumes(
  { prefix, volumePrefix, postgresVolume }: z.output<typeof lettaSchema>,
  context: z.RefinementCtx,
): void {
  const { postgres: _, ...others } = lettaNames(prefix, volumePrefix).volumes;
  if (!Object.values(others).some((name) => name === postgresVolume)) return;
  context.addIssue({ code: "custom", path: ["postgresVolume"], message: "is another volume of this stack" });
}

function refuseSharedAddresses(config: z.output<typeof lettaSchema>, context: z.RefinementCtx): void {
  const { subnet, internalSubnet } = config;
  if (!subnetsOverlap(subnet, internalSubnet)) return;
  context.addIssue({ code: "custom", path: ["internalSubnet"], message: `overlaps with subnet ${subnet}` });
}
