/** A registered resource, as rules see it. */
export interface PolicyResource {
  readonly type: string;
  readonly name: string;
  readonly id?: string | undefined;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** `retainOnDelete` is undefined in a policy pack: the engine does not pass it on. */
  readonly options: { readonly protect: boolean; readonly retainOnDelete?: boolean };
}

/** Exceptions an operator allows. */
export interface PolicyAllowances {
  /** Addresses other than loopback to publish ports on: the config's `bindAddress`. */
  readonly exposedOn?: readonly string[];
  /** Images that may be referenced by tag, such as published ones of Thoth. */
  readonly taggedImages?: RegExp;
}

/** A rule for every stack; its name starts with "every container" or "every volume". */
export interface Rule {
  readonly name: string;
  /** It compares resources, so it can run only when all are registered. */
  readonly looksAtAll?: boolean;
  /** What is wrong with a resource; undefined if nothing is. */
  readonly problem: (
    resource: PolicyResource,
    all: readonly PolicyResource[],
    allowed: PolicyAllowances,
  ) => string | undefined;
}

/** The container inputs that rules check. */
interface ContainerInputs {
  readonly name?: string;
  readonly image?: string;
  readonly user?: string;
  readonly privileged?: boolean;
  readonly init?: boolean;
  readonly readOnly?: boolean;
  readonly restart?: string;
  readonly memory?: number;
  readonly memorySwap?: number;
  readonly cpuShares?: number;
  readonly logDriver?: string;
  readonly logOpts?: Readonly<Record<string, string>>;
  readonly networkMode?: string;
  readonly pidMode?: string;
  readonly ipcMode?: string;
  readonly usernsMode?: string;
  readonly securityOpts?: readonly string[];
  readonly capabilities?: { readonly adds?: readonly string[]; readonly drops?: readonly string[] };
  readonly devices?: readonly unknown[];
  readonly healthcheck?: { readonly tests?: readonly string[] };
  readonly labels?: readonly { readonly label: string; readonly value: string }[];
  readonly ports?: readonly { readonly internal: number; readonly ip?: string }[];
  readonly mounts?: readonly { readonly type: string; readonly source?: string; readonly target: string }[];
  readonly volumes?: readonly { readonly hostPath?: string; readonly volumeName?: string }[];
}

/** Services that run as root in their containers, and the only capabilities they have; docs/security.md says why. */
const capabilitiesOfRoot: Readonly<Record<string, readonly string[]>> = {
  server: ["CAP_CHOWN", "CAP_KILL", "CAP_SETGID", "CAP_SETUID"],
  backup: ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID", "CAP_SETUID"],
  drill: ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID", "CAP_SETUID"],
};

/** The engine cannot upload files into a container with a read-only root; all other services need uploaded files. */
const readOnlyServices = ["redis", "model", "page"];

/** Mounting one of these gives a container control of the host. */
const hostPaths = /^\/($|(boot|dev|etc|lib|proc|root|run|sys|usr|var)($|\/))|docker\.sock/;
/** Where the vault, the vaults of several users, and the sources of `dev` are mounted. */
const mountableAt = ["/vault", "/vaults", "/app/src", "/opt/thoth/src"];
const loopback = ["127.0.0.1", "::1"];

const isContainer = ({ type }: PolicyResource) => type === "docker:index/container:Container";
const isVolume = ({ type }: PolicyResource) => type === "docker:index/volume:Volume";

function ofContainers(name: string, problem: (inputs: ContainerInputs, allowed: PolicyAllowances) => unknown): Rule {
  return {
    name: `every container ${name}`,
    problem: (resource, _, allowed) => {
      const found = isContainer(resource) ? problem(resource.inputs as ContainerInputs, allowed) : undefined;
      return found === undefined || found === false ? undefined : String(found);
    },
  };
}

const serviceOf = ({ labels = [] }: ContainerInputs) =>
  labels.find(({ label }) => label.endsWith(".service"))?.value ?? "unknown";

/** The rules of the policy pack. Unit tests apply all of them to every resource of both stacks. */
export const rules: readonly Rule[] = [
  ofContainers("has a health check", ({ healthcheck }) => {
    const [kind, command] = healthcheck?.tests ?? [];
    return (kind !== "CMD" && kind !== "CMD-SHELL") || command === undefined ? "it has no health check" : undefined;
  }),
  ofContainers("has a memory limit without swap, and a CPU weight", (inputs) => {
    const { memory = 0, memorySwap, cpuShares = 0 } = inputs;
    if (memory <= 0) return "it has no memory limit";
    if (memorySwap !== memory) return `it may swap ${memorySwap ?? "without limit"}`;
    return cpuShares <= 0 && "it has no CPU weight";
  }),
  {
    name: "every container has a limit of processes",
    looksAtAll: true,
    problem: (resource, all) => {
      if (!isContainer(resource)) return undefined;
      // The provider has no argument for it; the container's readiness sets it.
      const readiness = all.find(
        ({ type, inputs }) => type.endsWith(":readiness") && inputs.container === resource.inputs.name,
      );
      return Number(readiness?.inputs.processes) > 0 ? undefined : "it has no limit of processes";
    },
  },
  ofContainers("runs an immutable image", ({ image = "" }, { taggedImages }) => {
    if (/@sha256:[0-9a-f]{64}$/.test(image) || /^thoth-letta\/[a-z-]+:[^:]+-[0-9a-f]{12}$/.test(image))
      return undefined;
    return taggedImages?.test(image) === true ? undefined : `${image} is neither pinned by digest nor built here`;
  }),
  ofContainers("publishes ports on loopback only", ({ ports = [] }, { exposedOn = [] }) => {
    const open = ports.find(({ ip = "0.0.0.0" }) => ![...loopback, ...exposedOn].includes(ip));
    return open && `port ${open.internal} is published on ${open.ip ?? "every address"}`;
  }),
  ofContainers("has private namespaces and no devices", (inputs) => {
    const shared = ([key, mode]: [string, string | undefined]) =>
      mode !== undefined && /^(host|container)/.test(mode) && key;
    const { networkMode, pidMode, ipcMode, usernsMode, devices = [] } = inputs;
    const [found] = Object.entries({ networkMode, pidMode, ipcMode, usernsMode }).filter(shared);
    if (found !== undefined) return `its ${found[0]} is ${found[1]}`;
    return devices.length > 0 && "it has a host device";
  }),
  ofContainers("is unprivileged and cannot gain privileges", ({ privileged, securityOpts = [] }) => {
    if (privileged === true) return "it is privileged";
    if (!securityOpts.includes("no-new-privileges:true")) return "its processes can gain privileges";
    return securityOpts.some((option) => option.includes("unconfined")) && "its confinement is off";
  }),
  ofContainers("has only the capabilities it needs", (inputs) => {
    const { adds = [], drops = [] } = inputs.capabilities ?? {};
    if (!drops.includes("ALL")) return "it keeps Docker's default capabilities";
    const needed = capabilitiesOfRoot[serviceOf(inputs)] ?? [];
    const other = adds.find((name) => !needed.includes(name));
    return other && `it has ${other}`;
  }),
  ofContainers("runs as a named user, or as root with few capabilities", (inputs) => {
    if (inputs.user !== undefined || serviceOf(inputs) in capabilitiesOfRoot) return undefined;
    return "it runs as its image's user";
  }),
  ofContainers(
    "without uploaded files has a read-only root",
    (inputs) =>
      readOnlyServices.includes(serviceOf(inputs)) && inputs.readOnly !== true && "its root filesystem is writable",
  ),
  ofContainers("mounts nothing of the host but vaults and sources", ({ mounts = [], volumes = [] }) => {
    if (volumes.some(({ hostPath, volumeName }) => hostPath !== undefined || volumeName === undefined)) {
      return "it has volumes that are not named";
    }
    const host = mounts.find(({ type, source = "" }) => type === "bind" && hostPaths.test(source));
    if (host !== undefined) return `it mounts the host's ${host.source}`;
    const other = mounts.find(({ type, target }) => type === "bind" && !mountableAt.includes(target));
    return other && `it mounts the host's ${other.source}`;
  }),
  ofContainers("restarts, and has an init that forwards signals", ({ init, restart }) => {
    if (restart !== "unless-stopped") return `its restart policy is ${restart ?? "no"}`;
    return init !== true && "its first process is the service";
  }),
  ofContainers(
    "limits its log",
    ({ logDriver, logOpts = {} }) =>
      (logDriver !== "json-file" || logOpts["max-size"] === undefined || logOpts["max-file"] === undefined) &&
      "its log is unlimited",
  ),
  {
    name: "every volume with data is protected and retained",
    problem: (resource) => {
      // Recreated from the state, scratch space of a drill, or the status page's day.
      if (!isVolume(resource) || /-(scratch|credentials|page|status)$/.test(String(resource.inputs.name)))
        return undefined;
      if (!resource.options.protect) return "destroy deletes it";
      return resource.options.retainOnDelete === false ? "removing it from the state deletes it" : undefined;
    },
  },
  {
    name: "every container with a queue or locks is on an internal network only",
    looksAtAll: true,
    problem: (resource, all) => {
      if (!isContainer(resource) || serviceOf(resource.inputs) !== "redis") return undefined;
      const { networksAdvanced = [], ports = [] } = resource.inputs as {
        networksAdvanced?: readonly { name: string }[];
        ports?: readonly unknown[];
      };
      if (ports.length > 0) return "it is published";
      const internal = all.filter(({ type, inputs }) => type.endsWith(":Network") && inputs.internal === true);
      const isInternal = ({ name }: { name: string }) => internal.some(({ id }) => id === name);
      return networksAdvanced.length === 1 && networksAdvanced.every(isInternal)
        ? undefined
        : "containers other than Letta can reach it";
    },
  },
];

/** All violations, each as `<rule>: <resource>: <problem>`. */
export function violations(resources: readonly PolicyResource[], allowed: PolicyAllowances = {}): string[] {
  return rules.flatMap(({ name, problem }) =>
    resources.flatMap((resource) => {
      const found = problem(resource, resources, allowed);
      return found === undefined ? [] : [`${name}: ${resource.name}: ${found}`];
    }),
  );
}
