import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { lettaProxy, lettaProxyUrl } from "../components/letta-proxy.ts";
import { bridgeNetwork } from "../components/networks.ts";
import { ProviderResource } from "../components/provider-resource.ts";
import {
  ignoredNames,
  lettaDataPath,
  thothEnvironment,
  thothSecrets,
  vaultPath,
  vaultsPath,
} from "../components/thoth-environment.ts";
import { type RoleProgram, roleProgram, sourceEnvironment } from "../components/thoth-role.ts";
import { containersOfRoles, type ThothConfig, thothContainers } from "../config/thoth.ts";
import { remoteEngine } from "../lib/docker/host.ts";
import { hostUrl, planNetwork } from "../lib/docker/network.ts";
import { readEnvFile } from "../lib/env-file.ts";
import { fingerprint } from "../lib/fingerprint.ts";
import { aliases, hostAlias, proxyRole, thothNames } from "../lib/names.ts";
import { noProxyFor } from "../lib/no-proxy.ts";
import type { LettaReference, ThothExports } from "./outputs.ts";
import { makeThothContainers, type ThothParts } from "./thoth-containers.ts";

/** The Thoth research assistant on a letta stack; its only data is the vault. */
export function thothStack(config: ThothConfig, letta: LettaReference, root: string): ThothExports {
  const names = thothNames(config.prefix);
  const programs = Object.fromEntries(Object.keys(config.roles).map((role) => [role, roleProgram(role, config, root)]));
  const programOf = (role: string) => programs[role] as RoleProgram;

  const network = bridgeNetwork("network", names.network, planNetwork(config.subnet), {});
  const vaults = vaultFolders(config, programOf("api").image);
  const mcpToken = new random.RandomPassword("mcp-token", {
    length: 40,
    special: false,
    // Rotates with the project's credentials, which restart Thoth in any case.
    ...(letta.generation > 1 ? { keepers: { generation: String(letta.generation) } } : {}),
  });
  const mcpUrl = `http://${names.role("mcp")}:${programOf("mcp").port}`;
  const inside = [...Object.values(aliases), hostAlias, proxyRole, names.role("mcp")];
  const env: Record<string, string> = {
    ...thothEnvironment(lettaProxyUrl, mcpUrl, config.vaults !== undefined),
    ...(config.source === undefined ? {} : sourceEnvironment),
    ...config.env,
    ...noProxyFor(inside, { ...config.env, ...config.secretEnv }),
  };
  const setInTheOpen = Object.keys(env);
  const file = operatorsFile(config, setInTheOpen);
  const secretEnv = thothSecrets(letta, mcpToken.result, { file, config: config.secretEnv, setInTheOpen });

  const { certificate } = letta.outputs;
  // When Letta answers with an error, Thoth replaces its users' agents with blank ones. So Letta must work before it starts.
  const gate = new ProviderResource("letta-probe", "letta-works", {
    url: letta.outputs.urls.gateway,
    password: letta.token,
    ...(certificate === undefined ? {} : { certificate }),
    trigger: fingerprint({ programs, env, containers: letta.outputs.containers, network: letta.outputs.network.id }),
  });

  const proxy = lettaProxy(
    {
      config,
      image: letta.outputs.nginxImage,
      token: letta.token,
      networkId: network.id,
      lettaNetwork: letta.outputs.network,
    },
    [gate],
  );
  const common = {
    prefix: config.prefix,
    ...{ env, secretEnv, user: config.user },
    mounts: mounts(config, letta.outputs.volumes.data),
  };
  const register: ThothParts["register"] = (trigger, api, dependsOn) =>
    new ProviderResource(
      "mcp-registration",
      "mcp-registration",
      {
        lettaUrl: letta.outputs.urls.gateway,
        lettaPassword: letta.token,
        ...(certificate === undefined ? {} : { lettaCertificate: certificate }),
        serverName: config.prefix,
        mcpUrl: `${mcpUrl}/mcp`,
        token: mcpToken.result,
        trigger,
        ...api,
      },
      { dependsOn },
    );
  const networks = { thoth: network.id, letta: letta.outputs.network.id };
  makeThothContainers({ config, programs, common, networks, register }, [...vaults, proxy.ready]);

  const urls = {
    api: hostUrl(config.bindAddress, config.ports.api),
    mcp: hostUrl(config.bindAddress, config.ports.mcp),
  };
  return {
    healthUrls: { api: `${urls.api}/health`, mcp: `${urls.mcp}/health` },
    urls,
    containers: thothContainers(config),
    roles: containersOfRoles(config),
    vault: config.vault,
    isMultiUser: env.THOTH_MULTI_USER === "true",
    isStandIn: Object.values(programs).some((program) => program.isStandIn),
  };
}

/** The vault's folders, and in multi-user mode the one of all users' vaults, which Thoth fills. */
function vaultFolders({ vault: path, vaults, user: owner }: ThothConfig, image: string): pulumi.Resource[] {
  const common = { owner, ...(remoteEngine() === undefined ? {} : { image }) };
  const vault = new ProviderResource("vault-folder", "vault", { path, ...common });
  if (vaults === undefined) return [vault];
  return [vault, new ProviderResource("vault-folder", "vaults", { path: vaults, ...common, folders: ["."] })];
}

function mounts({ vault, vaults }: ThothConfig, lettaData: string) {
  const bind = (from: string, target: string) => ({ type: "bind", source: from, target });
  return [
    bind(vault, vaultPath),
    ...(vaults === undefined ? [] : [bind(vaults, vaultsPath)]),
    { type: "volume", source: lettaData, target: lettaDataPath, readOnly: true },
  ];
}

/** Variables of the operator's env file; tells what in it does not count, and what to set instead where that may be needed. */
function operatorsFile({ envFile, vault }: ThothConfig, setInTheOpen: readonly string[]): Record<string, string> {
  if (envFile === undefined) return {};
  const { values, ignored } = readEnvFile(envFile);
  const ofStack = ignoredNames(values, setInTheOpen);
  const other = values.OBSIDIAN_VAULT_PATH;
  const hint = other === undefined || other === vault ? "" : "; for another vault: pulumi config set vault PATH";
  const told = [
    ...ignored,
    ...(ofStack.length === 0 ? [] : [`${ofStack.join(", ")}, which the stack sets itself${hint}`]),
  ];
  if (told.length > 0) void pulumi.log.warn(`envFile ${envFile}: ignored ${told.join("; ")}`);
  return values;
}
