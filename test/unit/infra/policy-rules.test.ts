import { describe, expect, test } from "vitest";
import { type PolicyAllowances, type PolicyResource, rules, violations } from "../../../infra/policy/rules.ts";
import type { Graph } from "../../support/graph.ts";
import { lettaGraph, thothGraph } from "../../support/stack-graphs.ts";

const sftp = { type: "sftp", host: "nas", user: "u", path: "p", privateKey: "key" };
const published = { repository: "example.org/thoth", release: "1.2" };

/** All that a stack registers; a recorded resource's id is this. */
async function recorded(graph: () => Promise<Graph<unknown>>): Promise<PolicyResource[]> {
  return (await graph()).resources.map((resource) => ({ ...resource, id: `id-of-${resource.name}` }));
}

const stacks: [string, PolicyResource[], PolicyAllowances][] = [
  ["letta", await recorded(lettaGraph), {}],
  ["letta of local images", await recorded(() => lettaGraph({ images: "local", projects: ["thoth", "notes"] })), {}],
  ["letta without backups", await recorded(() => lettaGraph({ backup: { enabled: false } })), {}],
  ["letta with a copy of its backups elsewhere", await recorded(() => lettaGraph({ backup: { offsite: sftp } })), {}],
  ["letta on all addresses", await recorded(() => lettaGraph({ bindAddress: "0.0.0.0" })), { exposedOn: ["0.0.0.0"] }],
  ["thoth", await recorded(thothGraph), {}],
  [
    "thoth of published images",
    await recorded(() => thothGraph(published)),
    { taggedImages: /^example\.org\/thoth\// },
  ],
];

test.each(stacks)("the stack %s breaks no rule", (_, resources, allowed) => {
  expect(violations(resources, allowed)).toEqual([]);
});

describe("a rule finds what breaks it:", () => {
  const letta = stacks[0]?.[1] ?? [];
  const resource = (name: string) => letta.find((one) => one.name === name) as PolicyResource;
  /** What the rules say with one resource's inputs or options changed. */
  const broken = (name: string, change: (one: PolicyResource) => Partial<PolicyResource>) =>
    violations(letta.map((one) => (one.name === name ? { ...one, ...change(one) } : one)));
  const inputs = (changed: Record<string, unknown>) => (one: PolicyResource) => ({
    inputs: { ...one.inputs, ...changed },
  });
  const withoutReadiness = violations(letta.filter(({ name }) => name !== "redis-ready"));
  const mount = (source: string, target: string) => inputs({ mounts: [{ type: "bind", source, target }] });

  const cases: [string, string, string[]][] = [
    [
      "is asked for its health",
      "it has no health check",
      broken("redis-container", inputs({ healthcheck: undefined })),
    ],
    [
      "is asked for its health",
      "it has no health check",
      broken("redis-container", inputs({ healthcheck: { tests: ["NONE"] } })),
    ],
    ["has its share", "it may take all memory", broken("redis-container", inputs({ memory: 0 }))],
    ["has its share", "it may swap -1", broken("redis-container", inputs({ memorySwap: -1 }))],
    ["has its share", "it has no weight", broken("redis-container", inputs({ cpuShares: 0 }))],
    ["has a limit of processes", "it may start processes without limit", withoutReadiness],
    ["has a limit of processes", "without limit", broken("redis-ready", inputs({ processes: 0 }))],
    ["runs an image that cannot change", "redis:8 is neither", broken("redis-container", inputs({ image: "redis:8" }))],
    [
      "is published on loopback",
      "port 5432 is published on 0.0.0.0",
      broken("postgres-container", inputs({ ports: [{ internal: 5432, ip: "0.0.0.0" }] })),
    ],
    [
      "is published on loopback",
      "port 5432 is published on every address",
      broken("postgres-container", inputs({ ports: [{ internal: 5432 }] })),
    ],
    [
      "has namespaces of its own",
      "its networkMode is host",
      broken("gateway-container", inputs({ networkMode: "host" })),
    ],
    [
      "has namespaces of its own",
      "its pidMode is container:x",
      broken("gateway-container", inputs({ pidMode: "container:x" })),
    ],
    [
      "has namespaces of its own",
      "it has a device",
      broken("gateway-container", inputs({ devices: [{ hostPath: "/dev/sda" }] })),
    ],
    ["is not privileged", "it is privileged", broken("gateway-container", inputs({ privileged: true }))],
    ["is not privileged", "can gain privileges", broken("gateway-container", inputs({ securityOpts: [] }))],
    [
      "is not privileged",
      "its confinement is off",
      broken("gateway-container", inputs({ securityOpts: ["no-new-privileges:true", "seccomp=unconfined"] })),
    ],
    ["has the capabilities", "it has Docker's capabilities", broken("gateway-container", inputs({ capabilities: {} }))],
    [
      "has the capabilities",
      "it has CAP_KILL",
      broken("gateway-container", inputs({ capabilities: { drops: ["ALL"], adds: ["CAP_KILL"] } })),
    ],
    [
      "has the capabilities",
      "it has CAP_SYS_ADMIN",
      broken("server-container", inputs({ capabilities: { drops: ["ALL"], adds: ["CAP_SYS_ADMIN"] } })),
    ],
    [
      "runs as a user of its own",
      "as whoever its image says",
      broken("gateway-container", inputs({ user: undefined })),
    ],
    ["has a read-only root", "its root can be written to", broken("redis-container", inputs({ readOnly: undefined }))],
    [
      "has nothing of the host",
      "it has the host's /var/run/docker.sock",
      broken("gateway-container", mount("/var/run/docker.sock", "/vault")),
    ],
    ["has nothing of the host", "it has the host's /etc", broken("gateway-container", mount("/etc", "/vault"))],
    [
      "has nothing of the host",
      "it has the host's /srv/data",
      broken("gateway-container", mount("/srv/data", "/data")),
    ],
    [
      "has nothing of the host",
      "volumes that are not mounts",
      broken("gateway-container", inputs({ volumes: [{ hostPath: "/" }] })),
    ],
    ["comes back", "it is started again: no", broken("gateway-container", inputs({ restart: "no" }))],
    ["comes back", "its first process is the service", broken("gateway-container", inputs({ init: false }))],
    ["keeps its log small", "its log grows", broken("gateway-container", inputs({ logOpts: { "max-size": "10m" } }))],
    [
      "volume with data is protected",
      "a destroy deletes it",
      broken("postgres-volume", ({ options }) => ({ options: { ...options, protect: false } })),
    ],
    [
      "volume with data is protected",
      "whatever removes it",
      broken("postgres-volume", ({ options }) => ({ options: { ...options, retainOnDelete: false } })),
    ],
    [
      "a queue or locks",
      "it is published",
      broken("redis-container", inputs({ ports: [{ internal: 6379, ip: "127.0.0.1" }] })),
    ],
    ["a queue or locks", "others than Letta reach it", broken("internal-network", inputs({ internal: false }))],
    [
      "a queue or locks",
      "others than Letta reach it",
      broken("redis-container", inputs({ networksAdvanced: resource("server-container").inputs.networksAdvanced })),
    ],
  ];

  test.each(cases)("%s: %s", (rule, problem, found) => {
    expect(found.length).toBeGreaterThan(0);
    for (const line of found) expect(line).toMatch(/^every (container|volume) /);
    expect(
      found.some((line) => line.includes(rule) && line.includes(problem)),
      found.join("\n"),
    ).toBe(true);
  });

  test("each of them", () => {
    const unproven = rules.filter(({ name }) => !cases.some(([rule]) => name.includes(rule)));
    expect(unproven.map(({ name }) => name)).toEqual([]);
  });
});
