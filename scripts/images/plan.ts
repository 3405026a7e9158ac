import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../infra/lib/errors.ts";
import { imageVersion, versionKey } from "../../infra/lib/images.ts";
import { contentHash } from "./content-hash.ts";
import { hostCertificates } from "./host-settings.ts";

/** One image: what it is built from, and its name once it is built. */
export interface ImagePlan {
  /** Its key in the lock file, and the end of its step's id. */
  readonly name: string;
  readonly title: string;
  /** The folder of its Dockerfile, or of `build.sh` for the base. */
  readonly directory: string;
  /** `thoth-letta/<repository>:<version>-<hash of all inputs>`. */
  readonly reference: string;
  readonly buildArguments: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Names of the images that must be built first. */
  readonly needs: readonly string[];
}

/** An image in `images/<name>`. A change of what is in its labels or build arguments makes it another image. */
interface Recipe {
  readonly name: string;
  /** Default: its name. */
  readonly repository?: string;
  readonly version: string;
  readonly title: string;
  /** Build argument -> name of the image whose reference it is. Default: the base as BASE_IMAGE. */
  readonly on?: Readonly<Record<string, string>>;
  /** Images it is built after for another reason. */
  readonly after?: readonly string[];
  readonly buildArguments?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

/** The release that is built without another one in the config. */
export const defaultLettaVersion = "0.16.8";

const letta = (version: string): Recipe => ({
  name: "letta",
  version,
  title: `Letta ${version}`,
  buildArguments: { LETTA_VERSION: version },
});

const standIn: Recipe = {
  name: "thoth",
  repository: "thoth-standin",
  version: "0.1.0",
  title: "Stand-in for Thoth (not Thoth itself)",
  labels: { "thoth-letta.stand-in": "true" },
};

const model: Recipe = { name: "model", version: "1", title: "Trial model: SmolLM2-135M behind llama.cpp's server" };

const page: Recipe = {
  name: "page",
  version: "0.1.0",
  title: "Status page",
  // Both install npm on the base: one after the other, that layer is built once.
  after: ["thoth"],
};

/** The backup agent on a Postgres, whose version it has because the two belong together. */
const backup = ({ name, version }: Pick<Recipe, "name" | "version">): Recipe => ({
  name: "backup",
  version,
  title: `Backup agent for Postgres ${version}`,
  on: { BASE_IMAGE: name, PACKAGES_IMAGE: "base" },
  // Both install npm on the base: one after the other, that layer is built once.
  after: ["thoth"],
});

/** All images of a machine without a registry, each after those it is built on. */
function localRecipes(lettaVersion: string): readonly Recipe[] {
  const postgres = { name: "postgres", version: "17", title: "Postgres 17 with pgvector and pgBackRest" };
  return [
    letta(lettaVersion),
    postgres,
    standIn,
    { name: "redis", version: "8", title: "Redis 8" },
    { name: "nginx", version: "1.26", title: "nginx 1.26" },
    backup(postgres),
    model,
    page,
  ];
}

/** The base, then every image that has a Dockerfile in this checkout, each after those it is built on. */
export function planImages(root: string, lettaVersion: string): readonly [ImagePlan, ...ImagePlan[]] {
  requirePinnedRelease(join(root, "images/letta/releases"), lettaVersion);
  const base = planBase(root);
  const present = localRecipes(lettaVersion).filter(({ name }) => existsSync(join(root, "images", name, "Dockerfile")));
  return [base, ...planAll(root, present, { base: base.reference })];
}

/** References of pinned images, with tag and digest. */
export interface RegistryBases {
  /** Debian. */
  readonly base: string;
  readonly postgres: string;
}

/** Images that no registry has; Letta's is one only once it cannot be pulled any more. */
export type OwnImage = "thoth" | "backup" | "letta" | "model" | "page";

/** The wanted images on those of a registry, after what they are built on. */
export function planOnRegistry(root: string, bases: RegistryBases, wanted: readonly OwnImage[]): readonly ImagePlan[] {
  const base = planRegistryBase(root, "base", bases.base);
  const onBase = [
    ...(wanted.includes("letta") ? [letta(defaultLettaVersion)] : []),
    ...(wanted.includes("thoth") ? [standIn] : []),
    ...(wanted.includes("model") ? [model] : []),
    ...(wanted.includes("page") ? [page] : []),
  ];
  if (!wanted.includes("backup")) return [base, ...planAll(root, onBase, { base: base.reference })];
  const postgres = planRegistryBase(root, "postgres-base", bases.postgres);
  const version = imageVersion(bases.postgres) ?? "latest";
  const archiving: Recipe = {
    name: "postgres-archiving",
    version,
    title: `Postgres ${version} of a registry, with pgBackRest`,
    on: { BASE_IMAGE: "postgres-base" },
  };
  const own = [...onBase, archiving, backup(archiving)];
  const references = { base: base.reference, "postgres-base": postgres.reference };
  return [base, postgres, ...planAll(root, own, references)];
}

/** The backup agent on a Postgres that was built before, under its own key. */
export function planBackup(
  root: string,
  postgres: { readonly version: string; readonly reference: string },
): ImagePlan {
  const references = { base: planBase(root).reference, postgres: postgres.reference };
  const [plan] = planAll(root, [backup({ name: "postgres", version: postgres.version })], references) as [ImagePlan];
  return { ...plan, name: versionKey(plan.name, postgres.version), needs: ["base"] };
}

const bare = { buildArguments: {}, labels: {}, needs: [] };

function planBase(root: string): ImagePlan {
  const directory = join(root, "offline/base");
  const reference = `thoth-letta/base:trixie-${contentHash(directory, [helpersHash(root)])}`;
  return { ...bare, name: "base", title: "Debian trixie", directory, reference };
}

function planRegistryBase(root: string, name: string, registryBase: string): ImagePlan {
  const directory = join(root, "images/registry-base");
  const title = `${name === "base" ? "Debian" : "Postgres"} of a registry, with this host's settings`;
  const reference = `thoth-letta/${name}:registry-${contentHash(directory, [registryBase, helpersHash(root)])}`;
  return { ...bare, name, title, directory, reference, buildArguments: { REGISTRY_BASE: registryBase } };
}

/** Changes with what every image takes from this project and from the host. */
function helpersHash(root: string): string {
  const certificates = hostCertificates().map(({ text }) => text);
  return contentHash(join(root, "images/rootfs"), certificates);
}

/** Plans images in this order; `known` has the references of the images that they are built on. */
function planAll(
  root: string,
  recipes: readonly Recipe[],
  known: Readonly<Record<string, string | undefined>>,
): ImagePlan[] {
  const references = { ...known };
  return recipes.map((recipe) => {
    const plan = planOne(recipe, join(root, "images", recipe.name), references);
    references[plan.name] = plan.reference;
    return plan;
  });
}

function planOne(
  recipe: Recipe,
  directory: string,
  references: Readonly<Record<string, string | undefined>>,
): ImagePlan {
  const { name, title, version, repository = name, on = { BASE_IMAGE: "base" }, after = [] } = recipe;
  const bases = Object.entries(on).map(([argument, image]) => [argument, references[image] ?? ""]);
  const buildArguments = { ...Object.fromEntries(bases), ...recipe.buildArguments };
  const labels = {
    "org.opencontainers.image.title": title,
    "org.opencontainers.image.version": version,
    ...recipe.labels,
  };
  const hash = contentHash(directory, [JSON.stringify(buildArguments), JSON.stringify(labels)]);
  const reference = `thoth-letta/${repository}:${version}-${hash}`;
  return {
    name,
    title,
    directory,
    reference,
    buildArguments,
    labels,
    needs: [...new Set([...Object.values(on), ...after])],
  };
}

function requirePinnedRelease(releases: string, lettaVersion: string): void {
  const file = (version: string) => `letta-${version}.txt`;
  if (existsSync(join(releases, file(lettaVersion)))) return;
  const known = readdirSync(releases).map((name) => name.replace(/^letta-|\.txt$/g, ""));
  throw new UserError(
    `Letta ${lettaVersion} cannot be built: it has no pinned hash, unlike ${known.join(" and ")}`,
    `write the hash of its source distribution to ${join(releases, file(lettaVersion))}`,
  );
}
