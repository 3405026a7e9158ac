/** An older installation: what its containers, networks and data are, and how to bring it back. */
export interface Installation {
  readonly cluster: Cluster;
  /** Its containers, in stop order. */
  readonly containers: readonly OldContainer[];
  /** Networks with the names of this project's, which must make room. */
  readonly networks: readonly OldNetwork[];
  /** The Letta server's variables, without those of its image. */
  readonly variables: Readonly<Record<string, string>>;
  /** The folder of Thoth's vault on this host, and its `.env`. */
  readonly vault?: string | undefined;
  readonly envFile?: string | undefined;
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

interface InspectedEndpoint {
  readonly Aliases: readonly string[] | null;
  readonly IPAMConfig: { readonly IPv4Address?: string } | null;
}

export const nameOf = ({ Name }: InspectedContainer) => Name.replace(/^\//, "");
