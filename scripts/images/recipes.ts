/** What an image is called, and what it is made of. */
export interface Recipe {
  readonly name: string;
  readonly repository?: string;
  readonly version: string;
  readonly title: string;
  /** Build argument -> name of the image that it is the reference of. Default: the base as BASE_IMAGE. */
  readonly on?: Readonly<Record<string, string>>;
  /** Images that it is built after for another reason. */
  readonly after?: readonly string[];
  readonly buildArguments?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

/** What takes the place of Thoth. */
export const standIn: Recipe = {
  name: "thoth",
  repository: "thoth-standin",
  version: "0.1.0",
  title: "Stand-in for Thoth (not Thoth itself)",
  labels: { "thoth-letta.stand-in": "true" },
};

/** A registry's Postgres of this version, with what it lacks. */
export const archivingPostgres = (version: string): Recipe => ({
  name: "postgres-archiving",
  version,
  title: `Postgres ${version} of a registry, with pgBackRest`,
  on: { BASE_IMAGE: "postgres-base" },
});

/** The backup agent on a Postgres, whose version it has: the two belong together. */
export const backup = ({ name, version }: Pick<Recipe, "name" | "version">): Recipe => ({
  name: "backup",
  version,
  title: `Backup agent for Postgres ${version}`,
  on: { BASE_IMAGE: name, PACKAGES_IMAGE: "base" },
  // Both begin with npm on the base: one after the other, that is made once.
  after: ["thoth"],
});

const postgres: Recipe = { name: "postgres", version: "17", title: "Postgres 17 with pgvector and pgBackRest" };

/** Every image that is built where no registry is reached, each after those it is built on. */
export function recipes(lettaVersion: string): readonly Recipe[] {
  return [
    {
      name: "letta",
      version: lettaVersion,
      title: `Letta ${lettaVersion}`,
      buildArguments: { LETTA_VERSION: lettaVersion },
    },
    postgres,
    standIn,
    { name: "redis", version: "8", title: "Redis 8" },
    { name: "nginx", version: "1.26", title: "nginx 1.26" },
    backup(postgres),
  ];
}

/** The folder of an image's Dockerfile, in the checkout. */
export function folderOf({ name }: Recipe): string {
  return `images/${name}`;
}
