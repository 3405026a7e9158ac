import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import type { Project } from "../components/project.ts";
import { requireContract } from "../lib/contract.ts";
import { UserError } from "../lib/errors.ts";

/** The letta stack's outputs that other stacks read in the open. */
const lettaOutputsSchema = z.object({
  /** Answered with 200 while the service works; on the host. */
  healthUrls: z.object({ server: z.string(), gateway: z.string() }),
  /** On the host. */
  urls: z.object({ server: z.string(), gateway: z.string() }),
  /** For containers on the letta network. */
  internalUrls: z.object({ server: z.string(), gateway: z.string() }),
  /** PEM of the gateway's certificate; absent where its port has no TLS. */
  certificate: z.string().optional(),
  network: z.object({ id: z.string(), name: z.string(), subnet: z.string() }),
  /** `postgres` is the one that Postgres runs on now. */
  volumes: z.object({ postgres: z.string(), data: z.string(), home: z.string() }),
  /** Docker names, in start order. */
  containers: z.array(z.string()),
  images: z.enum(["registry", "local"]),
  /** Image of an nginx, for proxies of other stacks. */
  nginxImage: z.string(),
  /** The Alembic revision of Letta's database. */
  schemaVersion: z.string(),
});
type SharedOutputs = z.output<typeof lettaOutputsSchema>;

/** The letta stack's outputs, with their secrets in the open. */
export interface LettaOutputs extends SharedOutputs {
  readonly contractVersion: number;
  /** The containers exist only while backups are enabled. */
  readonly backup: {
    readonly enabled: boolean;
    /** Docker name of the container that makes backups. */
    readonly container: string;
    /** Docker name of the container that drills restores. */
    readonly drillContainer: string;
  };
  /** All that have data. */
  readonly volumes: SharedOutputs["volumes"] & { readonly redis: string; readonly backup: string };
  readonly projects: Readonly<Record<string, { readonly [Key in keyof Project]: pulumi.Unwrap<Project[Key]> }>>;
  /** The operator's, for the server's own port: with it one can act as any user. The gateway refuses it. */
  readonly serverPassword: string;
  /** URL of Letta's own database on this host. */
  readonly hostDatabaseUrl: string;
  /** Opens every backup: the one secret that must be kept elsewhere too. */
  readonly recoveryKey: string;
  /** The backup agent's settings as JSON in one line, for one-off containers; absent while backups are off. */
  readonly backupSettings?: string;
  /** Opens the status page and nothing else; absent while the page is off. */
  readonly pageToken?: string;
}

type SecretText = "serverPassword" | "hostDatabaseUrl" | "recoveryKey" | "backupSettings" | "pageToken";

/** The outputs as the program exports them, each secret encrypted separately. */
export type LettaExports = {
  readonly [Key in keyof Omit<LettaOutputs, SecretText | "projects">]: pulumi.Input<unknown>;
} & { readonly [Key in keyof Pick<LettaOutputs, SecretText>]: pulumi.Output<string> } & {
  readonly projects: Readonly<Record<string, Project>>;
};

/** What the thoth stack exports. */
export interface ThothExports {
  readonly healthUrls: { readonly api: string; readonly mcp: string };
  readonly urls: { readonly api: string; readonly mcp: string };
  /** Docker names, in start order. */
  readonly containers: readonly string[];
  /** Role -> Docker name of the container it runs in; several may share one. */
  readonly roles: Readonly<Record<string, string>>;
  /** Path of the vault on this host. */
  readonly vault: string;
  readonly isMultiUser: boolean;
  /** True while the stand-in runs instead of the real Thoth. */
  readonly isStandIn: boolean;
}

/** A letta stack as another stack sees it, with the secrets of one project. */
export interface LettaReference {
  readonly outputs: SharedOutputs;
  /** Of the project's credentials. */
  readonly generation: number;
  readonly token: pulumi.Output<string>;
  readonly databaseUrl: pulumi.Output<string>;
  readonly encryptionKey: pulumi.Output<string>;
}

/**
 * Reads the letta stack's outputs for one project.
 *
 * @throws UserError when there is no such stack, it has another contract version, lacks the project, or its secrets cannot
 * be decrypted with this passphrase
 */
export async function readLettaStack(stack: string, project: string): Promise<LettaReference> {
  const reference = new pulumi.StackReference(`${pulumi.getOrganization()}/${pulumi.getProject()}/${stack}`);
  const names = ["contractVersion", ...Object.keys(lettaOutputsSchema.shape), "projects"];
  const details = await Promise.all(names.map((name) => reference.getOutputDetails(name)));
  const values = Object.fromEntries(
    names.map((name, index) => [name, details[index]?.value ?? details[index]?.secretValue]),
  );
  return interpretLettaOutputs(values, stack, project);
}

/** The pure part of {@link readLettaStack}: checks values that may be anything. */
export function interpretLettaOutputs(values: Record<string, unknown>, stack: string, name: string): LettaReference {
  const start = `pulumi up -s ${stack} (or make letta-start)`;
  if (values.contractVersion === undefined) {
    throw new UserError(`the letta stack "${stack}" is not there or was never brought up`, start);
  }
  requireContract(values, stack);
  const parsed = lettaOutputsSchema.safeParse(values);
  if (!parsed.success) {
    throw new UserError(
      `the outputs of stack "${stack}" do not fit this version: ${z.prettifyError(parsed.error)}`,
      start,
    );
  }
  const projects = (values.projects ?? {}) as Record<string, Record<keyof Project, unknown>>;
  const project = projects[name];
  if (project === undefined) {
    throw new UserError(
      `stack "${stack}" has no project "${name}"; it has ${Object.keys(projects).join(", ")}`,
      `add it to thoth-letta:projects in Pulumi.${stack}.yaml, then ${start}`,
    );
  }
  const secret = (key: keyof Project) => secretText(project[key], `projects.${name}.${key}`, stack);
  return {
    outputs: parsed.data,
    generation: Number(project.generation),
    token: secret("token"),
    databaseUrl: secret("databaseUrl"),
    encryptionKey: secret("encryptionKey"),
  };
}

/** With another passphrase the engine returns an empty object instead of the text, and no error. */
function secretText(value: unknown, name: string, stack: string): pulumi.Output<string> {
  if (typeof value === "string" && value !== "") return pulumi.secret(value);
  throw new UserError(
    `output ${name} of stack "${stack}" cannot be decrypted: the stacks have different passphrases`,
    "set PULUMI_CONFIG_PASSPHRASE_FILE to the passphrase file of the letta stack for both",
  );
}
