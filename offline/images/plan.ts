import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { contentHash } from "./content-hash.ts";

/** One image: where it is built from and what it is called once it is built. */
export interface ImagePlan {
  /** Its key in the lock file and the end of its step's id. */
  readonly name: string;
  readonly title: string;
  /** The directory with its Dockerfile, or `build.sh` for the base. */
  readonly directory: string;
  /** `thoth-letta/<repository>:<version>-<hash of all inputs>`. */
  readonly reference: string;
  readonly buildArguments: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

/** The base first, then every image whose Dockerfile is there. */
export function planImages(imagesDirectory: string, lettaVersion: string): readonly [ImagePlan, ...ImagePlan[]] {
  requirePinnedRelease(imagesDirectory, lettaVersion);
  const base = planBase(join(imagesDirectory, "base"));
  const onBase = recipes(lettaVersion)
    .filter(({ name }) => existsSync(join(imagesDirectory, name, "Dockerfile")))
    .map((recipe) => planOnBase(recipe, join(imagesDirectory, recipe.name), base.reference));
  return [base, ...onBase];
}

/** A registry's Debian with what the base that is built here has, and the stand-in for Thoth on it. */
export function planStandIn(imagesDirectory: string, registryBase: string): readonly [ImagePlan, ImagePlan] {
  const directory = join(imagesDirectory, "registry-base");
  const helpers = contentHash(
    join(imagesDirectory, "base/rootfs"),
    hostCertificates().map(({ text }) => text),
  );
  const base: ImagePlan = {
    name: "base",
    title: "Debian of a registry, with this host's settings",
    directory,
    reference: `thoth-letta/base:registry-${contentHash(directory, [registryBase, helpers])}`,
    buildArguments: { REGISTRY_BASE: registryBase },
    labels: {},
  };
  return [base, planOnBase(standIn, join(imagesDirectory, "thoth"), base.reference)];
}

interface Recipe {
  readonly name: string;
  readonly repository?: string;
  readonly version: string;
  readonly title: string;
  readonly buildArguments?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

const standIn: Recipe = {
  name: "thoth",
  repository: "thoth-standin",
  version: "0.1.0",
  title: "Stand-in for Thoth (not Thoth itself)",
  labels: { "thoth-letta.stand-in": "true" },
};

function recipes(lettaVersion: string): readonly Recipe[] {
  return [
    {
      name: "letta",
      version: lettaVersion,
      title: `Letta ${lettaVersion}`,
      buildArguments: { LETTA_VERSION: lettaVersion },
    },
    { name: "postgres", version: "17", title: "Postgres 17 with pgvector and pgBackRest" },
    standIn,
    { name: "redis", version: "8", title: "Redis 8" },
    { name: "nginx", version: "1.26", title: "nginx 1.26" },
  ];
}

function planBase(directory: string): ImagePlan {
  const hash = contentHash(
    directory,
    hostCertificates().map(({ text }) => text),
  );
  const reference = `thoth-letta/base:trixie-${hash}`;
  return { name: "base", title: "Debian trixie", directory, reference, buildArguments: {}, labels: {} };
}

function planOnBase(recipe: Recipe, directory: string, baseReference: string): ImagePlan {
  const buildArguments = { BASE_IMAGE: baseReference, ...recipe.buildArguments };
  const labels = {
    "org.opencontainers.image.title": recipe.title,
    "org.opencontainers.image.version": recipe.version,
    ...recipe.labels,
  };
  const hash = contentHash(directory, [JSON.stringify(buildArguments), JSON.stringify(labels)]);
  const reference = `thoth-letta/${recipe.repository ?? recipe.name}:${recipe.version}-${hash}`;
  return { name: recipe.name, title: recipe.title, directory, reference, buildArguments, labels };
}

/** The certificates the host's administrator added; they go into the base image. */
export function hostCertificates(): { readonly name: string; readonly text: string }[] {
  const directory = "/usr/local/share/ca-certificates";
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".crt"))
    .sort()
    .map((file) => ({ name: basename(file), text: readFileSync(join(directory, file), "utf8") }));
}

function requirePinnedRelease(imagesDirectory: string, lettaVersion: string): void {
  const releases = join(imagesDirectory, "letta/releases");
  if (existsSync(join(releases, `letta-${lettaVersion}.txt`))) return;
  const known = readdirSync(releases).map((file) => file.replace(/^letta-|\.txt$/g, ""));
  throw new Error(
    `No pinned hash for Letta ${lettaVersion} (there is one for ${known.join(", ")}).\n` +
      `Add ${join(releases, `letta-${lettaVersion}.txt`)} with the hash of its source distribution.`,
  );
}
