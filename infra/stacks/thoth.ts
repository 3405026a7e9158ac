import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { lettaProxy, lettaProxyUrl } from "../components/letta-proxy.ts";
import { bridgeNetwork } from "../components/networks.ts";
import { ProviderResource } from "../components/provider-resource.ts";
import { Service } from "../components/service/service.ts";
import {
  ignoredNames,
  lettaDataPath,
  thothEnvironment,
  thothSecrets,
  vaultPath,
  vaultsPath,
} from "../components/thoth-environment.ts";
import { type RoleProgram, roleProgram, sourceEnvironment } from "../components/thoth-role.ts";
import { type RoleConfig, type ThothConfig, thothContainers } from "../config/thoth.ts";
import { hostUrl, planNetwork } from "../lib/docker/network.ts";
import { readEnvFile } from "../lib/env-file.ts";
import { fingerprint } from "../lib/fingerprint.ts";
import { aliases, hostAlias, proxyRole, thothNames } from "../lib/names.ts";
import { noProxyFor } from "../lib/no-proxy.ts";
import type { LettaReference, ThothExports } from "./outputs.ts";

/** The Thoth research assistant on a letta stack: a container per role, whose only data is the vault. */
export function thothStack(config: ThothConfig, letta: LettaReference, root: string): ThothExports {
  const names = thothNames(config.prefix);
  const programs = Object.fromEntries(Object.keys(config.roles).map((role) => [role, roleProgram(role, config, root)]));
  const programOf = (role: string) => programs[role] as RoleProgram;

  const network = bridgeNetwork("network", names.network, planNetwork(config.subnet), {});
  const vaults = vaultFolders(config);
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
  const role = (name: string, dependsOn: pulumi.Resource[]) => {
    const { image, command, port, health, readyTimeoutSeconds, files, memoryMiB, stopGraceSeconds } = programOf(name);
    const { processes, cpus } = config.roles[name] as RoleConfig;
    const { sourcePath } = programOf(name);
    return new Service(
      name,
      {
        containerName: names.role(name),
        prefix: config.prefix,
        service: name,
        image,
        command,
        networks: [
          { id: network.id, aliases: [name] },
          { id: letta.outputs.network.id, aliases: [names.role(name)] },
        ],
        ports: publishedPorts(name, port, config),
        env,
        secretEnv,
        mounts: [
          { type: "bind", source: config.vault, target: vaultPath },
          ...(config.vaults === undefined ? [] : [{ type: "bind", source: config.vaults, target: vaultsPath }]),
          { type: "volume", source: letta.outputs.volumes.data, target: lettaDataPath, readOnly: true },
          ...(config.source === undefined || sourcePath === undefined
            ? []
            : [{ type: "bind", source: config.source, target: sourcePath, readOnly: true }]),
        ],
        user: config.user,
        files,
        health: { test: health, readyTimeoutSeconds },
        limits: { memoryMiB, processes, cpus },
        stopGraceSeconds,
      },
      { dependsOn: [...vaults, proxy.ready, ...dependsOn] },
    );
  };

  const mcp = role("mcp", []);
  const registration = new ProviderResource(
    "mcp-registration",
    "mcp-registration",
    {
      lettaUrl: letta.outputs.urls.gateway,
      lettaPassword: letta.token,
      ...(certificate === undefined ? {} : { lettaCertificate: certificate }),
      serverName: config.prefix,
      mcpUrl: `${mcpUrl}/mcp`,
      token: mcpToken.result,
      trigger: mcp.container.id,
      toolsUser: names.role("api"),
    },
    { dependsOn: [mcp.ready] },
  );
  role("api", [registration]);
  for (const name of Object.keys(config.roles)) {
    // Of Thoth's programs, only the MCP server and the API create the tables that all of them read.
    if (name !== "mcp" && name !== "api") role(name, programOf(name).isStandIn ? [] : [mcp.ready]);
  }

  const urls = {
    api: hostUrl(config.bindAddress, config.ports.api),
    mcp: hostUrl(config.bindAddress, config.ports.mcp),
  };
  return {
    healthUrls: { api: `${urls.api}/health`, mcp: `${urls.mcp}/health` },
    urls,
    containers: thothContainers(config),
    vault: config.vault,
    isMultiUser: env.THOTH_MULTI_USER === "true",
    isStandIn: Object.values(programs).some((program) => program.isStandIn),
  };
}

/** The vault's folders, and in multi-user mode the one of all users' vaults, which Thoth fills. */
function vaultFolders({ vault: path, vaults, user: owner }: ThothConfig): pulumi.Resource[] {
  const vault = new ProviderResource("vault-folder", "vault", { path, owner });
  if (vaults === undefined) return [vault];
  return [vault, new ProviderResource("vault-folder", "vaults", { path: vaults, owner, folders: ["."] })];
}

function publishedPorts(role: string, internal: number | undefined, { ports, bindAddress }: ThothConfig) {
  if ((role !== "api" && role !== "mcp") || internal === undefined) return [];
  return [{ internal, external: ports[role], bindAddress }];
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
