/** What rules see of one resource, as it is registered. */
export interface PolicyResource {
  readonly type: string;
  readonly name: string;
  readonly id?: string | undefined;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** `retainOnDelete` is undefined where it is not told: the engine keeps it from policies. */
  readonly options: { readonly protect: boolean; readonly retainOnDelete?: boolean };
}

/** What an operator has allowed beyond the usual. */
export interface PolicyAllowances {
  /** Addresses other than loopback that ports may be published on: `bindAddress` of the config. */
  readonly exposedOn?: readonly string[];
  /** Images that may be named by a tag: those of Thoth that the operator publishes. */
  readonly taggedImages?: RegExp;
}

/** A rule that every stack keeps; its name begins "every container …" or "every volume …". */
export interface Rule {
  readonly name: string;
  /** Whether it looks at the others too, and so can be asked only when all are registered. */
  readonly looksAtAll?: boolean;
  /** What is wrong with a resource, or undefined where nothing is. */
  readonly problem: (
    resource: PolicyResource,
    all: readonly PolicyResource[],
    allowed: PolicyAllowances,
  ) => string | undefined;
}

/** The inputs of a container that rules look at. */
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
  readonly volumes?: readonly unknown[];
}

/** Services that are root within their containers, which have the named capabilities of it and no others; see docs/security.md. */
const capabilitiesOfRoot: Readonly<Record<string, readonly string[]>> = {
  server: ["CAP_CHOWN", "CAP_KILL", "CAP_SETGID", "CAP_SETUID"],
  backup: ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID", "CAP_SETUID"],
  drill: ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID", "CAP_SETUID"],
};

/** The engine puts files into no container whose root is read-only: the others have files of the stack in them. */
const readOnlyServices = ["redis"];

/** What a host has at these paths is the host itself. */
const hostPaths = /^\/($|(boot|dev|etc|lib|proc|root|run|sys|usr|var)($|\/))|docker\.sock/;
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

/** The rules: of the policy pack beside this file, and of the unit tests, which hold every resource against each of them. */
export const rules: readonly Rule[] = [
  ofContainers("is asked for its health", ({ healthcheck }) => {
    const [kind, command] = healthcheck?.tests ?? [];
    return (kind !== "CMD" && kind !== "CMD-SHELL") || command === undefined ? "it has no health check" : undefined;
  }),
  ofContainers("has its share of memory, without swap, and of the processor", (inputs) => {
    const { memory = 0, memorySwap, cpuShares = 0 } = inputs;
    if (memory <= 0) return "it may take all memory";
    if (memorySwap !== memory) return `it may swap ${memorySwap ?? "without limit"}`;
    return cpuShares <= 0 && "it has no weight where the processor is contended for";
  }),
  {
    name: "every container has a limit of processes",
    looksAtAll: true,
    problem: (resource, all) => {
      if (!isContainer(resource)) return undefined;
      // The provider has no argument for it: the readiness of the container sets it.
      const readiness = all.find(
        ({ type, inputs }) => type.endsWith(":readiness") && inputs.container === resource.inputs.name,
      );
      return Number(readiness?.inputs.processes) > 0 ? undefined : "it may start processes without limit";
    },
  },
  ofContainers("runs an image that cannot change under its name", ({ image = "" }, { taggedImages }) => {
    if (/@sha256:[0-9a-f]{64}$/.test(image) || /^thoth-letta\/[a-z-]+:[^:]+-[0-9a-f]{12}$/.test(image))
      return undefined;
    return taggedImages?.test(image) === true ? undefined : `${image} is neither pinned by digest nor built here`;
  }),
  ofContainers("is published on loopback, unless the config says otherwise", ({ ports = [] }, { exposedOn = [] }) => {
    const open = ports.find(({ ip = "0.0.0.0" }) => ![...loopback, ...exposedOn].includes(ip));
    return open && `port ${open.internal} is published on ${open.ip ?? "every address"}`;
  }),
  ofContainers("has namespaces of its own, and no devices", (inputs) => {
    const shared = ([key, mode]: [string, string | undefined]) =>
      mode !== undefined && /^(host|container)/.test(mode) && key;
    const { networkMode, pidMode, ipcMode, usernsMode, devices = [] } = inputs;
    const [found] = Object.entries({ networkMode, pidMode, ipcMode, usernsMode }).filter(shared);
    if (found !== undefined) return `its ${found[0]} is ${found[1]}`;
    return devices.length > 0 && "it has a device of the host";
  }),
  ofContainers("is not privileged, and gains nothing", ({ privileged, securityOpts = [] }) => {
    if (privileged === true) return "it is privileged";
    if (!securityOpts.includes("no-new-privileges:true")) return "what runs in it can gain privileges";
    return securityOpts.some((option) => option.includes("unconfined")) && "its confinement is off";
  }),
  ofContainers("has the capabilities that it needs", (inputs) => {
    const { adds = [], drops = [] } = inputs.capabilities ?? {};
    if (!drops.includes("ALL")) return "it has Docker's capabilities";
    const needed = capabilitiesOfRoot[serviceOf(inputs)] ?? [];
    const other = adds.find((name) => !needed.includes(name));
    return other && `it has ${other}`;
  }),
  ofContainers("runs as a user of its own, but for those that are root with few capabilities", (inputs) => {
    if (inputs.user !== undefined || serviceOf(inputs) in capabilitiesOfRoot) return undefined;
    return "it runs as whoever its image says";
  }),
  ofContainers(
    "that has no files of the stack has a read-only root",
    (inputs) =>
      readOnlyServices.includes(serviceOf(inputs)) && inputs.readOnly !== true && "its root can be written to",
  ),
  ofContainers("has nothing of the host but the vault", ({ mounts = [], volumes = [] }) => {
    if (volumes.length > 0) return "it has volumes that are not mounts";
    const host = mounts.find(({ type, source = "" }) => type === "bind" && hostPaths.test(source));
    if (host !== undefined) return `it has the host's ${host.source}`;
    const other = mounts.find(({ type, target }) => type === "bind" && target !== "/vault");
    return other && `it has the host's ${other.source}`;
  }),
  ofContainers("comes back, and does so with an init that passes signals on", ({ init, restart }) => {
    if (restart !== "unless-stopped") return `it is started again: ${restart ?? "never"}`;
    return init !== true && "its first process is the service";
  }),
  ofContainers(
    "keeps its log small",
    ({ logDriver, logOpts = {} }) =>
      (logDriver !== "json-file" || logOpts["max-size"] === undefined || logOpts["max-file"] === undefined) &&
      "its log grows without end",
  ),
  {
    name: "every volume with data is protected and kept",
    problem: (resource) => {
      // What they hold follows from the state, or is gone with a rehearsal.
      if (!isVolume(resource) || /-(scratch|credentials)$/.test(String(resource.inputs.name))) return undefined;
      if (!resource.options.protect) return "a destroy deletes it";
      return resource.options.retainOnDelete === false ? "whatever removes it from the state deletes it" : undefined;
    },
  },
  {
    name: "every container with a queue or locks is on a network that leads nowhere",
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
        : "others than Letta reach it";
    },
  },
];

/** Every way in which resources break a rule: `<rule>: <resource>: <problem>`. */
export function violations(resources: readonly PolicyResource[], allowed: PolicyAllowances = {}): string[] {
  return rules.flatMap(({ name, problem }) =>
    resources.flatMap((resource) => {
      const found = problem(resource, resources, allowed);
      return found === undefined ? [] : [`${name}: ${resource.name}: ${found}`];
    }),
  );
}
