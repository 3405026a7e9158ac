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
    ["has a health check", "it has no health check", broken("redis-container", inputs({ healthcheck: undefined }))],
    [
      "has a health check",
      "it has no health check",
      broken("redis-container", inputs({ healthcheck: { tests: ["NONE"] } })),
    ],
    ["has a memory limit", "it has no memory limit", broken("redis-container", inputs({ memory: 0 }))],
    ["has a memory limit", "it may swap -1", broken("redis-container", inputs({ memorySwap: -1 }))],
    ["has a memory limit", "it has no CPU weight", broken("redis-container", inputs({ cpuShares: 0 }))],
    ["has a limit of processes", "it has no limit of processes", withoutReadiness],
    ["has a limit of processes", "it has no limit", broken("redis-ready", inputs({ processes: 0 }))],
    ["runs an immutable image", "redis:8 is neither", broken("redis-container", inputs({ image: "redis:8" }))],
    [
      "publishes ports on loopback",
      "port 5432 is published on 0.0.0.0",
      broken("postgres-container", inputs({ ports: [{ internal: 5432, ip: "0.0.0.0" }] })),
    ],
    [
      "publishes ports on loopback",
      "port 5432 is published on every address",
      broken("postgres-container", inputs({ ports: [{ internal: 5432 }] })),
    ],
    ["has private namespaces", "its networkMode is host", broken("gateway-container", inputs({ networkMode: "host" }))],
    [
      "has private namespaces",
      "its pidMode is container:x",
      broken("gateway-container", inputs({ pidMode: "container:x" })),
    ],
    [
      "has private namespaces",
      "it has a host device",
      broken("gateway-container", inputs({ devices: [{ hostPath: "/dev/sda" }] })),
    ],
    ["is unprivileged", "it is privileged", broken("gateway-container", inputs({ privileged: true }))],
    ["is unprivileged", "can gain privileges", broken("gateway-container", inputs({ securityOpts: [] }))],
    [
      "is unprivileged",
      "its confinement is off",
      broken("gateway-container", inputs({ securityOpts: ["no-new-privileges:true", "seccomp=unconfined"] })),
    ],
    [
      "has only the capabilities",
      "it keeps Docker's default capabilities",
      broken("gateway-container", inputs({ capabilities: {} })),
    ],
    [
      "has only the capabilities",
      "it has CAP_KILL",
      broken("gateway-container", inputs({ capabilities: { drops: ["ALL"], adds: ["CAP_KILL"] } })),
    ],
    [
      "has only the capabilities",
      "it has CAP_SYS_ADMIN",
      broken("server-container", inputs({ capabilities: { drops: ["ALL"], adds: ["CAP_SYS_ADMIN"] } })),
    ],
    ["runs as a named user", "its image's user", broken("gateway-container", inputs({ user: undefined }))],
    [
      "has a read-only root",
      "its root filesystem is writable",
      broken("redis-container", inputs({ readOnly: undefined })),
    ],
    [
      "mounts nothing of the host",
      "it mounts the host's /var/run/docker.sock",
      broken("gateway-container", mount("/var/run/docker.sock", "/vault")),
    ],
    ["mounts nothing of the host", "it mounts the host's /etc", broken("gateway-container", mount("/etc", "/vault"))],
    [
      "mounts nothing of the host",
      "it mounts the host's /srv/data",
      broken("gateway-container", mount("/srv/data", "/data")),
    ],
    [
      "mounts nothing of the host",
      "volumes other than mounts",
      broken("gateway-container", inputs({ volumes: [{ hostPath: "/" }] })),
    ],
    ["restarts", "its restart policy is no", broken("gateway-container", inputs({ restart: "no" }))],
    ["restarts", "its first process is the service", broken("gateway-container", inputs({ init: false }))],
    ["limits its log", "its log is unlimited", broken("gateway-container", inputs({ logOpts: { "max-size": "10m" } }))],
    [
      "volume with data is protected",
      "destroy deletes it",
      broken("postgres-volume", ({ options }) => ({ options: { ...options, protect: false } })),
    ],
    [
      "volume with data is protected",
      "removing it",
      broken("postgres-volume", ({ options }) => ({ options: { ...options, retainOnDelete: false } })),
    ],
    [
      "a queue or locks",
      "it is published",
      broken("redis-container", inputs({ ports: [{ internal: 6379, ip: "127.0.0.1" }] })),
    ],
    [
      "a queue or locks",
      "containers other than Letta can reach it",
      broken("internal-network", inputs({ internal: false })),
    ],
    [
      "a queue or locks",
      "containers other than Letta can reach it",
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
