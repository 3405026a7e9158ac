import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { localFile, versionKey } from "../../infra/lib/images.ts";
import { ask } from "../lib/run.ts";
import type { Step } from "../lib/steps.ts";
import { imageStep, lockStep } from "./build.ts";
import { hostCertificates } from "./host-settings.ts";
import { type ImagePlan, type OwnImage, planOnRegistry, type RegistryBases } from "./plan.ts";

const suite = "trixie";
/** What the host itself trusts, for an HTTPS mirror that is asked before the image has certificates. */
const hostTrust = "/etc/ssl/certs/ca-certificates.crt";

/** What is built locally although all other images come from a registry. */
export interface RegistryImageOptions {
  /** The checkout. */
  readonly root: string;
  /** The references are written to `.state/images.local.json` in this folder. Default: the checkout. */
  readonly stateRoot?: string;
  readonly bases: RegistryBases;
  /** Of the Postgres among the bases if it is not the default one; then its images are listed under it. */
  readonly postgresVersion?: string | undefined;
  readonly wanted: readonly OwnImage[];
  /** Ids of the steps that bring the bases. */
  readonly needs: readonly string[];
}

/** The steps that build, on a registry's images, those that no registry has. */
export function registryImageSteps(options: RegistryImageOptions): Step[] {
  const { root, stateRoot = root, bases, postgresVersion, wanted, needs } = options;
  const plans = planOnRegistry(root, bases, wanted);
  const isBase = (plan: ImagePlan) => plan.needs.length === 0;
  const built = plans.filter((plan) => !isBase(plan));
  const keyOf = (name: string) =>
    postgresVersion === undefined || ["thoth", "letta", "model", "page"].includes(name)
      ? name
      : versionKey(name, postgresVersion);
  const references = new Map(built.map(({ name, reference }) => [keyOf(name), reference]));
  const names = built.map(({ name }) => name);
  return [
    ...plans.filter(isBase).map((plan) => ({ ...baseStep(plan, root), needs })),
    ...built.map((plan) => imageStep(plan, root)),
    lockStep(join(stateRoot, localFile), references, names),
  ];
}

function baseStep(plan: ImagePlan, root: string): Step {
  const context = join(root, `.state/registry-${plan.name}`);
  const build = imageStep({ ...plan, directory: context }, root);
  return {
    ...build,
    async run(report) {
      rmSync(context, { recursive: true, force: true });
      cpSync(plan.directory, context, { recursive: true });
      cpSync(join(root, "images/rootfs"), join(context, "rootfs"), { recursive: true });
      await addHostSettings(join(context, "rootfs"));
      await build.run(report);
      rmSync(context, { recursive: true });
    },
  };
}

/** What offline/base/build.sh takes from the host. A host that is not Debian has only certificates. */
async function addHostSettings(rootfs: string): Promise<void> {
  const add = (path: string, text: string) => {
    mkdirSync(dirname(join(rootfs, path)), { recursive: true });
    writeFileSync(join(rootfs, path), text);
  };
  for (const { name, text } of hostCertificates()) add(`usr/local/share/ca-certificates/${name}`, text);
  if (existsSync(hostTrust)) add(hostTrust, readFileSync(hostTrust, "utf8"));
  const options = (await ask("apt-config", ["dump", "--format", '%F "%v";%n'])) ?? "";
  const wanted = /^Acquire::(Check-Valid-Until|Check-Date|ForceIPv4|ForceIPv6) .*$/gm;
  add("etc/apt/apt.conf.d/91-host", (options.match(wanted) ?? []).map((line) => `${line}\n`).join(""));
  const sources = await hostSources();
  if (sources !== undefined) add("etc/apt/sources.list", sources);
}

/** The host's own Debian mirrors; undefined on another distribution. */
async function hostSources(): Promise<string | undefined> {
  const format = "$(ORIGIN)|$(LABEL)|$(SITE)";
  const targets = (await ask("apt-get", ["indextargets", "--format", format, "Identifier: Packages"])) ?? "";
  const site = (label: string) => new RegExp(`^Debian\\|${label}\\|(\\S+)$`, "m").exec(targets)?.[1];
  const mirror = site("Debian");
  if (mirror === undefined) return undefined;
  const security = site("Debian-Security") ?? `${mirror.replace(/\/+$/, "")}-security`;
  return [`${mirror} ${suite}`, `${mirror} ${suite}-updates`, `${security} ${suite}-security`]
    .map((source) => `deb ${source} main\n`)
    .join("");
}
