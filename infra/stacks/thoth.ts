import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { bridgeNetwork } from "../components/networks.ts";
import { ProviderResource } from "../components/provider-resource.ts";
import { Service } from "../components/service/service.ts";
import { lettaDataPath, thothEnvironment, thothSecrets, vaultPath } from "../components/thoth-environment.ts";
import { type RoleProgram, roleProgram } from "../components/thoth-role.ts";
import type { ThothConfig } from "../config/thoth.ts";
import { hostUrl, planNetwork } from "../lib/docker/network.ts";
import { readEnvFile } from "../lib/env-file.ts";
import { fingerprint } from "../lib/fingerprint.ts";
import { aliases, hostAlias, type ThothRole, thothNames, thothRoles } from "../lib/names.ts";
import { noProxyFor } from "../lib/no-proxy.ts";
import type { LettaReference, ThothExports } from "./outputs.ts";

/** The Thoth research assistant on a letta stack: four roles, whose only data is the vault. */
export function thothStack(config: ThothConfig, letta: LettaReference, root: string): ThothExports {
  const names = thothNames(config.prefix);
  const programs = Object.fromEntries(thothRoles.map((role) => [role, roleProgram(role, config, root)])) as Record<
    ThothRole,
    RoleProgram
  >;

  const network = bridgeNetwork("network", names.network, planNetwork(config.subnet), {});
  const vault = new ProviderResource("vault-folder", "vault", { path: config.vault, owner: config.user });
  const mcpToken = new random.RandomPassword("mcp-token", {
    length: 40,
    special: false,
    // Rotates with the project's credentials, which restart Thoth in any case.
    ...(letta.generation > 1 ? { keepers: { generation: String(letta.generation) } } : {}),
  });
  const mcpUrl = `http://${names.role("mcp")}:${programs.mcp.port}`;
  const env = {
    ...thothEnvironment(letta.outputs.internalUrls.gateway, mcpUrl),
    ...config.env,
    ...noProxyFor([...Object.values(aliases), hostAlias, names.role("mcp")], { ...config.env, ...config.secretEnv }),
  };
  const secretEnv = thothSecrets(letta, mcpToken.result, {
    file: operatorsFile(config),
    config: config.secretEnv,
    setInTheOpen: Object.keys(env),
  });

  const { certificate } = letta.outputs;
  // When Letta answers with an error, Thoth replaces its users' agents with blank ones. So Letta must work before it starts.
  const gate = new ProviderResource("letta-probe", "letta-works", {
    url: letta.outputs.urls.gateway,
    password: letta.token,
    ...(certificate === undefined ? {} : { certificate }),
    trigger: fingerprint({ programs, env, containers: letta.outputs.containers, network: letta.outputs.network.id }),
  });

  const role = (name: ThothRole, dependsOn: pulumi.Resource[]) =>
    new Service(
      name,
      {
        containerName: names.role(name),
        prefix: config.prefix,
        service: name,
        image: programs[name].image,
        command: programs[name].command,
        networks: [
          { id: network.id, aliases: [name] },
          { id: letta.outputs.network.id, aliases: [names.role(name)] },
        ],
        ports: publishedPorts(name, programs[name].port, config),
        env,
        secretEnv,
        mounts: [
          { type: "bind", source: config.vault, target: vaultPath },
          { type: "volume", source: letta.outputs.volumes.data, target: lettaDataPath, readOnly: true },
        ],
        user: config.user,
        health: { test: programs[name].health, readyTimeoutSeconds: 120 },
        limits: config.roles[name],
        stopGraceSeconds: 15,
      },
      { dependsOn },
    );

  const mcp = role("mcp", [vault, gate]);
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
    },
    { dependsOn: [mcp.ready] },
  );
  role("api", [vault, gate, registration]);
  role("discovery", [vault, gate]);
  role("monitor", [vault, gate]);

  const urls = {
    api: hostUrl(config.bindAddress, config.ports.api),
    mcp: hostUrl(config.bindAddress, config.ports.mcp),
  };
  return {
    healthUrls: { api: `${urls.api}/health`, mcp: `${urls.mcp}/health` },
    urls,
    containers: thothRoles.map((name) => names.role(name)),
    vault: config.vault,
    isStandIn: Object.values(programs).some((program) => program.isStandIn),
  };
}

function publishedPorts(role: ThothRole, internal: number, { ports, bindAddress }: ThothConfig) {
  if (role !== "api" && role !== "mcp") return [];
  return [{ internal, external: ports[role], bindAddress }];
}

/** Variables of the operator's env file; tells what in it does not count. */
function operatorsFile({ envFile }: ThothConfig): Record<string, string> {
  if (envFile === undefined) return {};
  const { values, ignored } = readEnvFile(envFile);
  if (ignored.length > 0) void pulumi.log.warn(`envFile ${envFile}: ignored ${ignored.join("; ")}`);
  return values;
}
