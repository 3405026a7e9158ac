import * as pulumi from "@pulumi/pulumi";
import type { MigrationInputs } from "../lib/letta/migrate.ts";
import type { DatabaseInputs } from "../providers/database.ts";
import type { LettaIdentitiesInputs } from "../providers/letta-identities.ts";
import type { LettaProbeInputs } from "../providers/letta-probe.ts";
import type { LoginSeedsInputs } from "../providers/login-seeds.ts";
import type { McpRegistrationInputs } from "../providers/mcp-registration.ts";
import type { NetworkClientsInputs } from "../providers/network-clients.ts";
import type { OtherShapeInputs } from "../providers/other-shape.ts";
import type { PageRoleInputs } from "../providers/page-role.ts";
import type { ReadinessInputs } from "../providers/readiness.ts";
import type { SelfSignedCertificateInputs } from "../providers/self-signed-certificate.ts";
import type { VaultFolderInputs } from "../providers/vault-folder.ts";
import type { VolumeFileInputs } from "../providers/volume-file.ts";

/** The modules of infra/providers, each with a `dynamic.ResourceProvider` as its default export, and their inputs. */
export interface ProviderInputs {
  database: DatabaseInputs;
  "letta-identities": LettaIdentitiesInputs;
  "letta-probe": LettaProbeInputs;
  "login-seeds": LoginSeedsInputs;
  "mcp-registration": McpRegistrationInputs;
  migration: MigrationInputs;
  "network-clients": NetworkClientsInputs;
  "other-shape": OtherShapeInputs;
  "page-role": PageRoleInputs;
  readiness: ReadinessInputs;
  "self-signed-certificate": SelfSignedCertificateInputs;
  "vault-folder": VaultFolderInputs;
  "volume-file": VolumeFileInputs;
}

type Args<Inputs> = { [Key in keyof Inputs]: pulumi.Input<Inputs[Key]> };

/**
 * A resource whose provider is a module of infra/providers, run by Pulumi's dynamic provider process.
 *
 * `pulumi.dynamic.Resource` serialises its provider into the state, and a delete runs that copy, without any later fixes.
 * Here the state has a constant text that loads the module from the checkout, which also saves every run the closure
 * serialiser with its TypeScript compiler. The protocol is the same: getProvider in @pulumi/pulumi/cmd/dynamic-provider.
 */
export class ProviderResource<Module extends keyof ProviderInputs> extends pulumi.CustomResource {
  constructor(
    module: Module,
    name: string,
    args: Args<ProviderInputs[Module]>,
    options?: pulumi.CustomResourceOptions,
    /** Outputs that are not inputs. */
    outputs: readonly string[] = [],
  ) {
    const unknown = Object.fromEntries(outputs.map((output) => [output, undefined]));
    const props = { ...args, ...unknown, __provider: providerText(module) };
    super(`pulumi-nodejs:dynamic/thoth-letta:${module}`, name, props, options);
  }
}

/** CommonJS that the dynamic provider process evaluates; it must never change for a released module. */
export function providerText(module: keyof ProviderInputs): string {
  return [
    `exports.handler = () => {`,
    `  const { join, dirname } = require("node:path");`,
    `  const { existsSync } = require("node:fs");`,
    `  const { pathToFileURL } = require("node:url");`,
    `  let root = process.cwd();`,
    `  while (!existsSync(join(root, "Pulumi.yaml")) && root !== dirname(root)) root = dirname(root);`,
    `  const load = () => import(pathToFileURL(join(root, "infra/providers/${module}.ts")).href);`,
    `  const method = (name) => async (...args) => (await load()).default[name](...args);`,
    `  return { diff: method("diff"), create: method("create"), update: method("update"), delete: method("delete") };`,
    `};`,
  ].join("\n");
}
