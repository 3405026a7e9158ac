import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import * as pulumi from "@pulumi/pulumi";
import { type RawConfig, readStackConfig } from "./config/read.ts";
import { checkHost, type HostClaims } from "./lib/docker/preflight.ts";
import { chooseSubnets } from "./lib/docker/subnets.ts";
import { UserError } from "./lib/errors.ts";
import { lockFolder } from "./lib/images.ts";
import { lettaNames, thothNames } from "./lib/names.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Runs the program of the selected stack; each loads only its own part. */
export default async function main() {
  const stack = pulumi.getStack();
  const raw = readStackConfig();
  return kindOf(raw, stack) === "letta" ? letta(raw, stack) : thoth(raw, stack);
}

async function letta(raw: RawConfig, stack: string) {
  const { parseLettaConfig } = await import("./config/letta.ts");
  const parsed = parseLettaConfig(raw, stack);
  const { network, internalNetwork } = lettaNames(parsed.prefix);
  const subnets = await chooseSubnets({
    subnet: { name: network, subnet: parsed.subnet, isGiven: raw.subnet !== undefined },
    internalSubnet: { name: internalNetwork, subnet: parsed.internalSubnet, isGiven: raw.internalSubnet !== undefined },
  });
  const config = { ...parsed, ...subnets };
  const { containersOf } = await import("./config/containers.ts");
  const containers = containersOf(config);
  const networks = [
    { key: "subnet", name: network, subnet: config.subnet },
    { key: "internalSubnet", name: internalNetwork, subnet: config.internalSubnet },
  ];
  await checkHost({ ...placeOf(config), stack, networks, containers });
  const { lettaStack } = await import("./stacks/letta.ts");
  return lettaStack(config, imageRoot(config.images));
}

async function thoth(raw: RawConfig, stack: string) {
  const { parseThothConfig, thothContainers } = await import("./config/thoth.ts");
  const parsed = parseThothConfig(raw, stack, root);
  const names = thothNames(parsed.prefix);
  const subnets = await chooseSubnets({
    subnet: { name: names.network, subnet: parsed.subnet, isGiven: raw.subnet !== undefined },
  });
  const config = { ...parsed, ...subnets };
  const containers = thothContainers(config);
  const networks = [{ key: "subnet", name: names.network, subnet: config.subnet }];
  await checkHost({ ...placeOf(config), stack, networks, containers });
  const { readLettaStack } = await import("./stacks/outputs.ts");
  const reference = await readLettaStack(config.lettaStack, config.project);
  return (await import("./stacks/thoth.ts")).thothStack(config, reference, imageRoot(reference.outputs.images));
}

/** The folder whose files list the images. */
function imageRoot(images: "registry" | "local"): string {
  return images === "local" ? root : lockFolder(pulumi.getRootDirectory(), root);
}

/** @throws UserError when neither the config nor the stack's name gives the kind */
function kindOf(raw: RawConfig, stack: string): "letta" | "thoth" {
  const kind = raw.kind ?? stack;
  if (kind === "letta" || kind === "thoth") return kind;
  throw new UserError(
    `stack "${stack}" does not say which kind it is: thoth-letta:kind must be letta or thoth`,
    `pulumi config set kind letta -s ${stack}`,
  );
}

/** The part of the host that a config of either kind claims; ports by their config key. */
function placeOf({
  prefix,
  bindAddress,
  ports,
}: Pick<HostClaims, "prefix" | "bindAddress"> & { readonly ports: Readonly<Record<string, number | undefined>> }): Pick<
  HostClaims,
  "prefix" | "bindAddress" | "ports"
> {
  const byKey = Object.entries(ports).flatMap(([key, port]) => (port === undefined ? [] : [[`ports.${key}`, port]]));
  return { prefix, bindAddress, ports: Object.fromEntries(byKey) };
}
