import { describe, expect, test } from "vitest";
import type { RawConfig } from "../../../infra/config/read.ts";
import { type PolicyAllowances, type PolicyResource, rules, violations } from "../../../infra/policy/rules.ts";
import type { Graph } from "../../support/graph.ts";
import { lettaGraph, thothGraph } from "../../support/stack-graphs.ts";

const sftp = { type: "sftp", host: "nas", user: "u", path: "p", privateKey: "key" };
const published = { repository: "example.org/thoth", release: "1.2" };

/** All that a stack registers; a recorded resource's id is this. */
async function recorded(graph: () => Promise<Graph<unknown>>): Promise<PolicyResource[]> {
  return (await graph()).resources.map((resource) => ({ ...resource, id: `id-of-${resource.name}` }));
}

const letta = (raw?: RawConfig) => recorded(() => lettaGraph(raw));
const thoth = (raw?: RawConfig) => recorded(() => thothGraph(raw));
const stacks: [string, PolicyResource[], PolicyAllowances][] = [
  ["letta", await letta(), {}],
  ["letta of local images", await letta({ images: "local", projects: ["thoth", "notes"] }), {}],
  ["letta without backups", await letta({ backup: { enabled: false } }), {}],
  ["letta with a copy of its backups elsewhere", await letta({ backup: { offsite: sftp } }), {}],
  ["letta on all addresses", await letta({ bindAddress: "0.0.0.0" }), { exposedOn: ["0.0.0.0"] }],
  ["thoth", await thoth(), {}],
  ["thoth with a container per role", await thoth({ shape: "roles" }), {}],
  ["thoth of published images", await thoth(published), { taggedImages: /^example\.org\/thoth\// }],
];

test.each(stacks)("the stack %s breaks no rule", (_, resources, allowed) => {
  expect(violations(resources, allowed)).toEqual([]);
});

describe("a rule finds what breaks it:", () => {
  const usual = stacks[0]?.[1] ?? [];
  /** What the rules say with one resource's inputs and options changed, or without it. */
  const broken = (name: string, inputs: object | undefined, options: object = {}) =>
    violations(
      usual.flatMap((one) => {
        if (one.name !== name) return [one];
        if (inputs === undefined) return [];
        return [{ ...one, inputs: { ...one.inputs, ...inputs }, options: { ...one.options, ...options } }];
      }),
    );
  const ports = (ip: string, internal: number) => ({ ports: [{ internal, ip }] });
  const mount = (source: string, target: string) => ({ mounts: [{ type: "bind", source, target }] });
  const capabilities = (...adds: string[]) => ({ capabilities: { drops: ["ALL"], adds } });
  const server = usual.find(({ name }) => name === "server-container");
  const serverNetworks = { networksAdvanced: server?.inputs.networksAdvanced };
  const unconfined = { securityOpts: ["no-new-privileges:true", "seccomp=unconfined"] };

  /** Rule, what it says, the resource that breaks it, and how: other inputs (none: it is missing) and options. */
  const cases: [string, string, string, object | undefined, object?][] = [
    ["has a health check", "it has no health check", "redis-container", { healthcheck: undefined }],
    ["has a health check", "it has no health check", "redis-container", { healthcheck: { tests: ["NONE"] } }],
    ["has a memory limit", "it has no memory limit", "redis-container", { memory: 0 }],
    ["has a memory limit", "it may swap -1", "redis-container", { memorySwap: -1 }],
    ["has a memory limit", "it has no CPU weight", "redis-container", { cpuShares: 0 }],
    ["has a limit of processes", "it has no limit", "redis-ready", { processes: 0 }],
    ["has a limit of processes", "it has no limit", "redis-ready", undefined],
    ["runs an immutable image", "redis:8 is neither", "redis-container", { image: "redis:8" }],
    ["publishes ports on loopback", "5432 is published on 0.0.0.0", "postgres-container", ports("0.0.0.0", 5432)],
    ["publishes ports on loopback", "on every address", "postgres-container", { ports: [{ internal: 5432 }] }],
    ["has private namespaces", "its networkMode is host", "gateway-container", { networkMode: "host" }],
    ["has private namespaces", "its pidMode is container:x", "gateway-container", { pidMode: "container:x" }],
    ["has private namespaces", "it has a host device", "gateway-container", { devices: [{ hostPath: "/dev/sda" }] }],
    ["is unprivileged", "it is privileged", "gateway-container", { privileged: true }],
    ["is unprivileged", "can gain privileges", "gateway-container", { securityOpts: [] }],
    ["is unprivileged", "its confinement is off", "gateway-container", unconfined],
    ["has only the capabilities", "keeps Docker's default", "gateway-container", { capabilities: {} }],
    ["has only the capabilities", "it has CAP_KILL", "gateway-container", capabilities("CAP_KILL")],
    ["has only the capabilities", "it has CAP_SYS_ADMIN", "server-container", capabilities("CAP_SYS_ADMIN")],
    ["runs as a named user", "its image's user", "gateway-container", { user: undefined }],
    ["has a read-only root", "its root filesystem is writable", "redis-container", { readOnly: undefined }],
    ["mounts nothing of the host", "the host's /var/run", "gateway-container", mount("/var/run/docker.sock", "/vault")],
    ["mounts nothing of the host", "it mounts the host's /etc", "gateway-container", mount("/etc", "/vault")],
    ["mounts nothing of the host", "it mounts the host's /srv/data", "gateway-container", mount("/srv/data", "/data")],
    ["mounts nothing of the host", "volumes that are not named", "gateway-container", { volumes: [{ hostPath: "/" }] }],
    ["restarts", "its restart policy is no", "gateway-container", { restart: "no" }],
    ["restarts", "its first process is the service", "gateway-container", { init: false }],
    ["limits its log", "its log is unlimited", "gateway-container", { logOpts: { "max-size": "10m" } }],
    ["volume with data is protected", "destroy deletes it", "postgres-volume", {}, { protect: false }],
    ["volume with data is protected", "removing it", "postgres-volume", {}, { retainOnDelete: false }],
    ["a queue or locks", "it is published", "redis-container", ports("127.0.0.1", 6379)],
    ["a queue or locks", "other than Letta can reach it", "internal-network", { internal: false }],
    ["a queue or locks", "other than Letta can reach it", "redis-container", serverNetworks],
  ];

  test.each(cases)("%s: %s", (rule, problem, name, inputs, options) => {
    const found = broken(name, inputs, options);
    expect(found.length).toBeGreaterThan(0);
    for (const line of found) expect(line).toMatch(/^every (container|volume) /);
    const isNamed = found.some((line) => line.includes(rule) && line.includes(problem));
    expect(isNamed, found.join("\n")).toBe(true);
  });

  test("each of them", () => {
    expect(rules.filter(({ name }) => !cases.some(([rule]) => name.includes(rule)))).toEqual([]);
  });
});
