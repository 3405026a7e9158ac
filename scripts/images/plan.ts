import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../infra/lib/errors.ts";
import { imageVersion, versionKey } from "../../infra/lib/images.ts";
import { contentHash } from "./content-hash.ts";
import { hostCertificates } from "./host-settings.ts";
import { archivingPostgres, backup, folderOf, type Recipe, recipes, standIn } from "./recipes.ts";

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
  /** Names of the images that are to be built first. */
  readonly needs: readonly string[];
}

/** The base first, then every image whose Dockerfile is in this checkout, each after those it is built on. */
export function planImages(root: string, lettaVersion: string): readonly [ImagePlan, ...ImagePlan[]] {
  requirePinnedRelease(join(root, "images/letta/releases"), lettaVersion);
  const base = planBase(root);
  const present = recipes(lettaVersion).filter((recipe) => existsSync(join(root, folderOf(recipe), "Dockerfile")));
  return [base, ...planAll(root, present, new Map([["base", base.reference]]))];
}

/** References of pinned images, with tag and digest, that the images of {@link planOnRegistry} are built on. */
export interface RegistryBases {
  /** Debian. */
  readonly base: string;
  readonly postgres: string;
}

/** Images that no registry has. */
export type OwnImage = "thoth" | "backup";

/** A registry's images with what the base that is built here has, and on them the wanted images. */
export function planOnRegistry(root: string, bases: RegistryBases, wanted: readonly OwnImage[]): readonly ImagePlan[] {
  const base = planRegistryBase(root, "base", bases.base);
  if (!wanted.includes("backup")) return [base, ...planAll(root, [standIn], new Map([["base", base.reference]]))];
  const postgres = planRegistryBase(root, "postgres-base", bases.postgres);
  const references = new Map([base, postgres].map(({ name, reference }) => [name, reference]));
  const archiving = archivingPostgres(imageVersion(bases.postgres) ?? "latest");
  const own = [...(wanted.includes("thoth") ? [standIn] : []), archiving, backup(archiving)];
  return [base, postgres, ...planAll(root, own, references)];
}

/** The backup agent on a Postgres that is there already, under a key of its own. */
export function planBackup(
  root: string,
  postgres: { readonly version: string; readonly reference: string },
): ImagePlan {
  const base = planBase(root);
  const references = new Map([
    ["base", base.reference],
    ["postgres", postgres.reference],
  ]);
  const [plan] = planAll(root, [backup({ name: "postgres", version: postgres.version })], references) as [ImagePlan];
  return { ...plan, name: versionKey(plan.name, postgres.version), needs: ["base"] };
}

function planBase(root: string): ImagePlan {
  const directory = join(root, "offline/base");
  const hash = contentHash(directory, [helpersHash(root)]);
  const reference = `thoth-letta/base:trixie-${hash}`;
  return { name: "base", title: "Debian trixie", directory, reference, buildArguments: {}, labels: {}, needs: [] };
}

/** Changes with what every image has of this project and of the host. */
function helpersHash(root: string): string {
  return contentHash(
    join(root, "images/rootfs"),
    hostCertificates().map(({ text }) => text),
  );
}

function planRegistryBase(root: string, name: string, registryBase: string): ImagePlan {
  const directory = join(root, "images/registry-base");
  return {
    name,
    title: `${name === "base" ? "Debian" : "Postgres"} of a registry, with this host's settings`,
    directory,
    reference: `thoth-letta/${name}:registry-${contentHash(directory, [registryBase, helpersHash(root)])}`,
    buildArguments: { REGISTRY_BASE: registryBase },
    labels: {},
    needs: [],
  };
}

/** Plans images in this order; `references` are those of the images that they are built on. */
function planAll(root: string, recipes: readonly Recipe[], references: Map<string, string>): ImagePlan[] {
  return recipes.map((recipe) => {
    const plan = planOne(recipe, join(root, folderOf(recipe)), references);
    references.set(plan.name, plan.reference);
    return plan;
  });
}

function planOne(recipe: Recipe, directory: string, references: ReadonlyMap<string, string>): ImagePlan {
  const on = recipe.on ?? { BASE_IMAGE: "base" };
  const bases = Object.entries(on).map(([argument, image]) => [argument, references.get(image) ?? ""]);
  const buildArguments = { ...Object.fromEntries(bases), ...recipe.buildArguments };
  const labels = {
    "org.opencontainers.image.title": recipe.title,
    "org.opencontainers.image.version": recipe.version,
    ...recipe.labels,
  };
  const hash = contentHash(directory, [JSON.stringify(buildArguments), JSON.stringify(labels)]);
  const reference = `thoth-letta/${recipe.repository ?? recipe.name}:${recipe.version}-${hash}`;
  const needs = [...new Set([...Object.values(on), ...(recipe.after ?? [])])];
  return { name: recipe.name, title: recipe.title, directory, reference, buildArguments, labels, needs };
}

function requirePinnedRelease(releases: string, lettaVersion: string): void {
  if (existsSync(join(releases, `letta-${lettaVersion}.txt`))) return;
  const known = readdirSync(releases).map((file) => file.replace(/^letta-|\.txt$/g, ""));
  throw new UserError(
    `Letta ${lettaVersion} has no pinned hash, so it is not built here; ${known.join(" and ")} have one`,
    `put the hash of its source distribution into ${join(releases, `letta-${lettaVersion}.txt`)}`,
  );
}
