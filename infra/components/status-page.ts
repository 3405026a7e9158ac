import { createHash } from "node:crypto";
import { basename, dirname } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { paths, ports, type ServiceKind, type Settings, user } from "../../images/page/src/contract.ts";
import { containersOf } from "../config/containers.ts";
import type { LettaConfig } from "../config/letta.ts";
import { aliases, databaseNames, lettaNames, lettaOwner, pageOwner } from "../lib/names.ts";
import type { StackCredentials } from "./credentials.ts";
import type { LettaNetworks } from "./networks.ts";
import type { PostgresEndpoint } from "./postgres.ts";
import { ProviderResource } from "./provider-resource.ts";
import { Service } from "./service/service.ts";
import { disposableVolume } from "./volumes.ts";

export interface StatusPageArgs {
  readonly config: LettaConfig;
  readonly image: string;
  readonly networks: LettaNetworks;
  readonly credentials: StackCredentials;
  readonly endpoint: PostgresEndpoint;
  /** Where the backup's containers leave notes. */
  readonly statusVolume: pulumi.Input<string>;
  /** Project -> the Letta user that it acts as. */
  readonly users: pulumi.Output<Record<string, string>>;
  /** The databases and Letta's tables, without which there is nothing to count. */
  readonly startAfter: pulumi.Resource[];
}

/** What the page counts, by the organization that each row belongs to. */
const columns = { users: ["id", "organization_id"], agents: ["organization_id"], messages: ["organization_id"] };

/**
 * The status page behind the gateway. It holds nothing that opens more than itself: no Docker socket, no password of Letta, and a
 * role in Postgres that can only count.
 */
export class StatusPage extends pulumi.ComponentResource {
  static readonly type = "thoth-letta:letta:StatusPage";
  readonly service: Service;
  /** Opens the page; secret. */
  readonly token: pulumi.Output<string>;

  constructor(name: string, args: StatusPageArgs, options?: pulumi.ComponentResourceOptions) {
    super(StatusPage.type, name, {}, options);
    const { config, networks, statusVolume } = args;
    const names = lettaNames(config.prefix, config.volumePrefix);
    this.token = pulumi.secret(args.credentials.of(pageOwner).apply(({ current }) => current.token));
    const credentials = disposableVolume(`${name}-credentials`, names.volumes.pageCredentials, { parent: this });
    const file = new ProviderResource(
      "volume-file",
      `${name}-settings`,
      {
        volume: credentials.name,
        file: basename(paths.settings),
        content: settings(args),
        owner: user,
        image: args.image,
        container: names.page,
        // The page watches the file.
        reload: [],
      },
      { parent: this, dependsOn: pageRole(`${name}-role`, args, this) },
    );
    const data = disposableVolume(`${name}-volume`, names.volumes.page, { parent: this });
    this.service = new Service(
      name,
      {
        containerName: names.page,
        prefix: config.prefix,
        service: "page",
        image: args.image,
        // Small heaps: it idles all day. SQLite is part of Node, and still announced as new.
        command: [
          ...["node", "--max-old-space-size=40", "--max-semi-space-size=1", "--disable-warning=ExperimentalWarning"],
          "/opt/page/main.cjs",
        ],
        networks: [
          { id: networks.shared.id, aliases: [aliases.page], address: networks.addresses.page },
          { id: networks.internal.id, aliases: [aliases.page], isInternal: true },
        ],
        mounts: [
          { type: "volume", source: data.name, target: paths.data },
          { type: "volume", source: credentials.name, target: dirname(paths.settings), readOnly: true },
          { type: "volume", source: statusVolume, target: paths.status, readOnly: true },
        ],
        user,
        isRootReadOnly: true,
        health: {
          test: ["CMD", "curl", "-fsS", "-m", "4", "-o", "/dev/null", `http://127.0.0.1:${ports.http}/health`],
          intervalSeconds: 30,
          readyTimeoutSeconds: 60,
        },
        limits: config.sizes.page,
        stopGraceSeconds: 15,
      },
      { parent: this, startAfter: [file] },
    );
    this.registerOutputs();
  }
}

function pageRole(name: string, args: StatusPageArgs, parent: pulumi.Resource): pulumi.Resource {
  const { config, credentials, endpoint, startAfter } = args;
  const { host, port, container } = endpoint;
  const password = credentials.of(pageOwner).apply(({ current }) => current.databasePassword);
  return new ProviderResource(
    "page-role",
    name,
    {
      ...{ host, port, container, role: pageOwner, database: lettaOwner, columns },
      sizesOf: databaseNames(config.projects),
      password: pulumi.secret(password),
    },
    { parent, dependsOn: startAfter },
  );
}

/** What the page is given; secret, although its tokens are there as hashes only. */
function settings({ config, credentials, networks, users }: StatusPageArgs): pulumi.Output<string> {
  const content = pulumi.all([credentials.of(pageOwner), users]).apply(([{ current, previous }, userOf]) => {
    const tokens = [current, ...(previous === undefined ? [] : [previous])].map(({ token }) => token);
    const all: Settings = {
      stack: pulumi.getStack(),
      tokenHashes: tokens.map((token) => createHash("sha256").update(token).digest("hex")),
      database: { user: pageOwner, password: current.databasePassword },
      projects: Object.fromEntries(config.projects.map((project) => [project, userOf[project] as string])),
      services: services(config),
      gatewayAddress: networks.addresses.gateway,
    };
    return JSON.stringify(all);
  });
  return pulumi.secret(content);
}

/** Docker name -> kind, in start order. */
function services(config: LettaConfig): Record<string, ServiceKind> {
  const names = lettaNames(config.prefix);
  const kinds: readonly ServiceKind[] = ["postgres", "backup", "drill", "redis", "model", "server", "gateway", "page"];
  const kindOf = new Map(kinds.map((kind) => [names[kind] as string, kind]));
  return Object.fromEntries(containersOf(config).map((name) => [name, kindOf.get(name) as ServiceKind]));
}
