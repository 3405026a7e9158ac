import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import { UserError } from "../lib/errors.ts";

/** Raised when a consumer of an older contract would misread the outputs. */
export const contractVersion = 3;

/** What the letta stack tells in the open. */
const lettaOutputsSchema = z.object({
  contractVersion: z.literal(contractVersion),
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
  /** Names of the projects that have a database. */
  projects: z.array(z.string()),
  /** Project -> the id of the Letta user that it acts as; each is of an organization of its own. */
  users: z.record(z.string(), z.string()),
  images: z.enum(["registry", "local"]),
  /** The Alembic revision of Letta's database. */
  schemaVersion: z.string(),
});
export type LettaOutputs = z.output<typeof lettaOutputsSchema>;

/** What the letta stack tells as secrets. */
export interface LettaSecrets {
  /** For the operator, on the server's own port: with it one acts as whom one likes. The gateway does not take it. */
  readonly serverPassword: string;
  /** Project -> what it sends to the gateway as bearer token. */
  readonly tokens: Readonly<Record<string, string>>;
  /** Project -> database URL for containers on the letta network. */
  readonly databaseUrls: Readonly<Record<string, string>>;
  /** Project -> 32 random bytes in URL-safe base64, for what the project encrypts in its database. */
  readonly encryptionKeys: Readonly<Record<string, string>>;
}

/** What it tells the operator's commands alone; a stack that an older version brought up last has not told it. */
export interface LettaOperation {
  /** The containers exist only while backups are enabled. */
  readonly backup: {
    readonly enabled: boolean;
    /** Docker names: what makes the backups, and what rehearses their restore. */
    readonly container: string;
    readonly drillContainer: string;
  };
  /** With those of {@link LettaOutputs} all that have data. */
  readonly volumes: { readonly redis: string; readonly backup: string };
}

/** The letta stack's outputs as the program exports them; the secrets keep each their own secrecy. */
export type LettaExports = { [Key in keyof LettaOutputs]: pulumi.Input<unknown> } & {
  [Key in keyof LettaSecrets]: pulumi.Output<LettaSecrets[Key]>;
} & { [Key in keyof LettaOperation]: pulumi.Inputs } & {
  /** Project -> database URL on this host, for psql and migrations. */
  readonly hostDatabaseUrls: pulumi.Output<Record<string, string>>;
  /** Opens every backup: the one secret that has to be kept elsewhere too. */
  readonly recoveryKey: pulumi.Output<string>;
  /** The settings of the backup agent, as JSON in one line, for its containers that do one job; absent while backups are off. */
  readonly backupSettings?: pulumi.Output<string>;
};

/** What the thoth stack exports. */
export interface ThothExports {
  readonly healthUrls: { readonly api: string; readonly mcp: string };
  readonly urls: { readonly api: string; readonly mcp: string };
  /** Docker names, in start order. */
  readonly containers: readonly string[];
  /** Path of the vault on this host. */
  readonly vault: string;
  /** True while the stand-in runs in the place of the real Thoth. */
  readonly isStandIn: boolean;
}

/** A letta stack as another stack sees it. */
export interface LettaReference {
  readonly outputs: LettaOutputs;
  readonly token: pulumi.Output<string>;
  readonly databaseUrl: pulumi.Output<string>;
  readonly encryptionKey: pulumi.Output<string>;
}

/**
 * Reads the letta stack's outputs for one project.
 *
 * @throws UserError when there is no such stack, it is of another contract, has not this project, or its secrets cannot
 * be decrypted with this passphrase
 */
export async function readLettaStack(stack: string, project: string): Promise<LettaReference> {
  const reference = new pulumi.StackReference(`${pulumi.getOrganization()}/${pulumi.getProject()}/${stack}`);
  const names = [...Object.keys(lettaOutputsSchema.shape), "tokens", "databaseUrls", "encryptionKeys"];
  const details = await Promise.all(names.map((name) => reference.getOutputDetails(name)));
  const values = Object.fromEntries(
    names.map((name, index) => [name, details[index]?.value ?? details[index]?.secretValue]),
  );
  return interpretLettaOutputs(values, stack, project);
}

/** The pure part of {@link readLettaStack}: checks values that may be anything. */
export function interpretLettaOutputs(values: Record<string, unknown>, stack: string, project: string): LettaReference {
  const start = `pulumi up -s ${stack} (or make letta-start)`;
  if (values.contractVersion === undefined) {
    throw new UserError(`the letta stack "${stack}" is not there or was never brought up`, start);
  }
  const parsed = lettaOutputsSchema.safeParse(values);
  if (!parsed.success) {
    throw new UserError(
      `the outputs of stack "${stack}" do not fit this version: ${z.prettifyError(parsed.error)}`,
      start,
    );
  }
  if (!parsed.data.projects.includes(project)) {
    throw new UserError(
      `stack "${stack}" has no project "${project}"; it has ${parsed.data.projects.join(", ")}`,
      `add it to thoth-letta:projects in Pulumi.${stack}.yaml, then ${start}`,
    );
  }
  const ofProject = (name: string) =>
    secretText((values[name] as Record<string, unknown> | undefined)?.[project], `${name}.${project}`, stack);
  return {
    outputs: parsed.data,
    token: ofProject("tokens"),
    databaseUrl: ofProject("databaseUrls"),
    encryptionKey: ofProject("encryptionKeys"),
  };
}

/** With another passphrase the engine hands over an empty object instead of the text, and no error. */
function secretText(value: unknown, name: string, stack: string): pulumi.Output<string> {
  if (typeof value === "string" && value !== "") return pulumi.secret(value);
  throw new UserError(
    `output ${name} of stack "${stack}" cannot be decrypted: the stacks have different passphrases`,
    "set PULUMI_CONFIG_PASSPHRASE_FILE to the passphrase file of the letta stack for both",
  );
}
