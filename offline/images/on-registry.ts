import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Step } from "../../scripts/setup/step.ts";
import { type Host, hostOf, imageStep, readIfPresent, writeAtomically } from "./build.ts";
import { hostCertificates, type ImagePlan, planStandIn } from "./plan.ts";
import { ask } from "./run.ts";

const suite = "trixie";
/** What the host itself trusts, for an HTTPS mirror that is asked before the image has certificates of its own. */
const hostTrust = "/etc/ssl/certs/ca-certificates.crt";

/** Where the stand-in comes from and goes to. */
export interface StandInOptions {
  /** The checkout; the reference is written to `.state/images.local.json` in it. */
  readonly root: string;
  /** Reference of a registry's Debian trixie. */
  readonly base: string;
  /** Ids of the steps after which the base is there. */
  readonly needs: readonly string[];
  /** Default: this process's environment. */
  readonly env?: NodeJS.ProcessEnv;
}

/** The steps that build the stand-in for Thoth where all other images come from a registry. */
export function standInSteps({ root, base, needs, env = process.env }: StandInOptions): Step[] {
  const directory = join(root, "offline/images");
  const [basePlan, plan] = planStandIn(directory, base);
  const host = hostOf(env);
  return [
    { ...baseStep(basePlan, directory, join(root, ".state/build-base"), host), needs },
    imageStep(plan, host),
    lockStep(join(root, ".state/images.local.json"), plan),
  ];
}

function baseStep(plan: ImagePlan, images: string, context: string, host: Host): Step {
  const build = imageStep({ ...plan, directory: context }, host);
  return {
    ...build,
    async run(report) {
      rmSync(context, { recursive: true, force: true });
      cpSync(plan.directory, context, { recursive: true });
      cpSync(join(images, "base/rootfs"), join(context, "rootfs"), { recursive: true });
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

/** Writes which image stands for Thoth, and leaves what is written of others. */
function lockStep(file: string, { name, reference }: ImagePlan): Step {
  const known = () => JSON.parse(readIfPresent(file) ?? "{}") as Readonly<Record<string, string>>;
  return {
    id: "image-lock",
    title: "Reference of the stand-in",
    needs: [`image-${name}`],
    isDone: async () => known()[name] === reference,
    run: async () => writeAtomically(file, `${JSON.stringify({ ...known(), [name]: reference }, null, 2)}\n`),
  };
}
