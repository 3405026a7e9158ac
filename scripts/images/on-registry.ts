import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { localFile, versionKey } from "../../infra/lib/images.ts";
import type { Step } from "../lib/steps.ts";
import { type Host, hostOf, imageStep, lockStep } from "./build.ts";
import { hostCertificates } from "./host-settings.ts";
import { type ImagePlan, type OwnImage, planOnRegistry, type RegistryBases } from "./plan.ts";
import { ask } from "./run.ts";

const suite = "trixie";
/** What the host itself trusts, for an HTTPS mirror that is asked before the image has certificates of its own. */
const hostTrust = "/etc/ssl/certs/ca-certificates.crt";

/** What is built where all other images come from a registry. */
export interface RegistryImageOptions {
  /** The checkout. */
  readonly root: string;
  /** The references are written to `.state/images.local.json` in this folder. Default: the checkout. */
  readonly stateRoot?: string;
  readonly bases: RegistryBases;
  /** Of the Postgres among the bases, where it is not the default one: its images are then written down under it. */
  readonly postgresVersion?: string | undefined;
  readonly wanted: readonly OwnImage[];
  /** Ids of the steps after which the bases are there. */
  readonly needs: readonly string[];
  /** Default: this process's environment. */
  readonly env?: NodeJS.ProcessEnv;
}

/** The steps that build the images that no registry has, on those that one has. */
export function registryImageSteps(options: RegistryImageOptions): Step[] {
  const { root, stateRoot = root, bases, postgresVersion, wanted, needs, env = process.env } = options;
  const host = hostOf(env);
  const plans = planOnRegistry(root, bases, wanted);
  const isBase = (plan: ImagePlan) => plan.needs.length === 0;
  const built = plans.filter((plan) => !isBase(plan));
  const keyOf = (name: string) =>
    postgresVersion === undefined || name === "thoth" ? name : versionKey(name, postgresVersion);
  return [
    ...plans.filter(isBase).map((plan) => ({ ...baseStep(plan, root, host), needs })),
    ...built.map((plan) => imageStep(plan, host)),
    lockStep(
      join(stateRoot, localFile),
      Object.fromEntries(built.map(({ name, reference }) => [keyOf(name), reference])),
      built.map(({ name }) => name),
    ),
  ];
}

function baseStep(plan: ImagePlan, root: string, host: Host): Step {
  const context = join(root, `.state/build-${plan.name}`);
  const build = imageStep({ ...plan, directory: context }, host);
  return {
    ...build,
    async run(report) {
      rmSync(context, { recursive: true, force: true });
      cpSync(plan.directory, context, { recursive: true });
      cpSync(join(root, "images/rootfs"), join(context, "rootfs"), { recursive: true });
      await addHostSettings(join(context, "rootfs"), host.env);
      await build.run(report);
      rmSync(context, { recursive: true });
    },
  };
}

/** What base/build.sh takes over from the host, for a host that may be no Debian: then there are only certificates. */
async function addHostSettings(rootfs: string, env: NodeJS.ProcessEnv): Promise<void> {
  const add = (path: string, text: string) => {
    mkdirSync(dirname(join(rootfs, path)), { recursive: true });
    writeFileSync(join(rootfs, path), text);
  };
  for (const { name, text } of hostCertificates()) add(`usr/local/share/ca-certificates/${name}`, text);
  if (existsSync(hostTrust)) add(hostTrust, readFileSync(hostTrust, "utf8"));
  const options = (await ask("apt-config", ["dump", "--format", '%F "%v";%n'], env)) ?? "";
  const wanted = /^Acquire::(Check-Valid-Until|Check-Date|ForceIPv4|ForceIPv6) .*$/gm;
  add("etc/apt/apt.conf.d/91-host", (options.match(wanted) ?? []).map((line) => `${line}\n`).join(""));
  const sources = await hostSources(env);
  if (sources !== undefined) add("etc/apt/sources.list", sources);
}

/** The host's own Debian mirrors; undefined on another distribution. */
async function hostSources(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const format = "$(ORIGIN)|$(LABEL)|$(SITE)";
  const targets = (await ask("apt-get", ["indextargets", "--format", format, "Identifier: Packages"], env)) ?? "";
  const site = (label: string) => new RegExp(`^Debian\\|${label}\\|(\\S+)$`, "m").exec(targets)?.[1];
  const mirror = site("Debian");
  if (mirror === undefined) return undefined;
  const security = site("Debian-Security") ?? `${mirror.replace(/\/+$/, "")}-security`;
  return [`${mirror} ${suite}`, `${mirror} ${suite}-updates`, `${security} ${suite}-security`]
    .map((source) => `deb ${source} main\n`)
    .join("");
}
