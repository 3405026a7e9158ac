/** An older installation: what its containers, networks and data are, and how to bring it back. */
export interface Installation {
  readonly cluster: Cluster;
  /** Its containers, in stop order. */
  readonly containers: readonly OldContainer[];
  /** Networks with the names of this project's, which must make room. */
  readonly networks: readonly OldNetwork[];
  /** The Letta server's variables, without those of its image. */
  readonly variables: Readonly<Record<string, string>>;
  /** Port on this host by its key in `thoth-letta:ports`. */
  readonly ports?: Readonly<Record<string, number>>;
  /** One of them was published on more than this host's own address. */
  readonly isOpen?: boolean;
  readonly thoth?: OldThoth | undefined;
}

/** What the old Thoth's containers tell, as keys of the thoth stack's config. */
export interface OldThoth {
  /** Folder of its vault on this host. */
  readonly vault: string;
  /** In multi-user mode, the folder with a vault for each user. */
  readonly vaults?: string | undefined;
  /** Its `.env`. */
  readonly envFile?: string | undefined;
  readonly user?: string | undefined;
  readonly ports: Readonly<Record<string, number>>;
  /** One image for all roles, published ones of one tag, or an image for each role. */
  readonly image?: string | undefined;
  readonly repository?: string | undefined;
  readonly release?: string | undefined;
  readonly roles?: Readonly<Record<string, OldRole>> | undefined;
}

export interface OldRole {
  readonly image: string;
  readonly command?: readonly string[] | undefined;
}

/** Where Postgres' files are. */
export interface Cluster {
  /** A Docker volume, or an absolute folder of this host. */
  readonly volume: string;
  /** An image with a Postgres of its major version; undefined when no container tells. */
  readonly image?: string | undefined;
}

interface OldContainer {
  readonly name: string;
  readonly wasRunning: boolean;
  /** Its name until {@link OldContainer.name} is free again; the same where it is in nobody's way. */
  readonly movedTo: string;
  /** The engine would start it with itself, although it was stopped. */
  readonly startsWithEngine?: boolean;
}

/** A network as `docker network create` makes it again. */
export interface OldNetwork {
  /** The engine's, by which it is told from its successor of the same name. */
  readonly id: string;
  readonly name: string;
  readonly subnets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly endpoints: readonly Endpoint[];
}

export interface Endpoint {
  readonly container: string;
  readonly aliases: readonly string[];
  readonly address?: string | undefined;
  /** Of no older installation: a client of Letta, which gets to the new network. */
  readonly isClient: boolean;
}

/** The parts of `docker inspect` of a container that tell what it is. */
export interface InspectedContainer {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  readonly State: { readonly Running: boolean };
  readonly Config: {
    readonly Image: string;
    readonly Labels: Readonly<Record<string, string>> | null;
    readonly Env: readonly string[] | null;
    readonly Cmd?: readonly string[] | null;
    readonly User?: string;
  };
  readonly HostConfig: {
    readonly RestartPolicy?: { readonly Name: string };
    /** Also those of a container that is stopped. */
    readonly PortBindings?: Readonly<Record<string, readonly PortBinding[] | null>> | null;
  };
  readonly Mounts: readonly {
    readonly Type: string;
    readonly Name?: string;
    readonly Source: string;
    readonly Destination: string;
  }[];
  readonly NetworkSettings: {
    readonly Networks: Readonly<Record<string, InspectedEndpoint>>;
  };
}

interface PortBinding {
  readonly HostIp: string;
  readonly HostPort: string;
}

interface InspectedEndpoint {
  readonly Aliases: readonly string[] | null;
  readonly IPAMConfig: { readonly IPv4Address?: string } | null;
}

export const nameOf = ({ Name }: InspectedContainer) => Name.replace(/^\//, "");

/** Its names on its networks. */
export const aliasesOf = ({ NetworkSettings }: InspectedContainer) =>
  Object.values(NetworkSettings.Networks).flatMap(({ Aliases }) => Aliases ?? []);

/** A variable of a container. */
export function variableOf({ Config }: InspectedContainer, name: string): string | undefined {
  return Config.Env?.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}
