import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, test } from "vitest";
import { deriveCredentials, deriveSecret } from "../../../infra/lib/credentials.ts";
import type { DatabaseInputs } from "../../../infra/providers/database.ts";
import type { LettaExports } from "../../../infra/stacks/outputs.ts";
import type { Graph } from "../../support/graph.ts";
import { inventory, lettaGraph, resolved } from "../../support/stack-graphs.ts";

let graph: Graph<LettaExports>;
beforeAll(async () => {
  graph = await lettaGraph({ projects: ["thoth", "notes"] });
});

/** Every seed in the recorded graphs is the first one. */
const seed = "plain-credentials-seed";
const passwordOf = (owner: string, generation = 1) => deriveCredentials(seed, owner, generation).databasePassword;

test("is exactly these resources", () => {
  // A changed type or name is, to the engine, another resource: what was there is deleted, a database with its data.
  expect(inventory(graph)).toEqual({
    "docker:index/container:Container":
      "backup-container backup-drill-container gateway-container model-container page-container postgres-container " +
      "redis-container server-container",
    "docker:index/network:Network": "internal-network network",
    "docker:index/volume:Volume":
      "backup-scratch backup-volume gateway-credentials page-credentials page-volume postgres-volume redis-credentials " +
      "redis-volume server-credentials server-data server-home status-volume",
    "pulumi-nodejs:dynamic/thoth-letta:database": "database-letta databases-projects",
    "pulumi-nodejs:dynamic/thoth-letta:letta-identities": "identities",
    "pulumi-nodejs:dynamic/thoth-letta:letta-probe": "probe",
    "pulumi-nodejs:dynamic/thoth-letta:login-seeds": "login-seeds",
    "pulumi-nodejs:dynamic/thoth-letta:migration": "server-migration",
    "pulumi-nodejs:dynamic/thoth-letta:network-clients": "internal-network-clients network-clients",
    "pulumi-nodejs:dynamic/thoth-letta:page-role": "page-role",
    "pulumi-nodejs:dynamic/thoth-letta:readiness":
      "backup-drill-ready backup-ready gateway-ready model-ready page-ready postgres-ready redis-ready server-ready",
    "pulumi-nodejs:dynamic/thoth-letta:volume-file":
      "gateway-projects page-settings redis-users server-credentials-file",
    "random:index/randomPassword:RandomPassword": "backup-recovery-key credentials-seed server-encryption-key",
    "thoth-letta:letta:Backup": "backup",
    "thoth-letta:letta:Gateway": "gateway",
    "thoth-letta:letta:Postgres": "postgres",
    "thoth-letta:letta:Redis": "redis",
    "thoth-letta:letta:Server": "server",
    "thoth-letta:letta:StatusPage": "page",
    "thoth-letta:letta:TrialModel": "model",
    "thoth-letta:service:Service": "backup backup-drill gateway model page postgres redis server",
  });
});

test("another project changes the resource of the projects' databases, the users and what gateway and page know of projects, but no container", async () => {
  const withOne = await lettaGraph({ projects: ["thoth"] });
  const ofAll = ["databases-projects", "identities", "login-seeds", "gateway-projects", "page-role", "page-settings"];
  const described = ({ resources }: Graph<LettaExports>) =>
    resources
      .filter(({ name }) => !ofAll.includes(name))
      .map(({ urn, inputs }) => ({ urn, inputs }))
      .sort((a, b) => a.urn.localeCompare(b.urn));
  expect(described(graph)).toEqual(described(withOne));
});

test("each data volume survives destroy, rename and a change of labels", () => {
  const isData = ({ name }: { name: string }) => !/-(scratch|credentials)$|^(page|status)-/.test(name);
  const volumes = graph.ofType("docker:index/volume:Volume").filter(isData);
  expect(volumes.map(({ inputs }) => inputs)).toEqual(
    ["backup", "postgres", "redis", "home", "data"].map((name) => ({ name: `letta-${name}` })),
  );
  const ignoreChanges = ["labels", "driver", "driverOpts"];
  for (const { name, options } of volumes) {
    expect(options, name).toMatchObject({ protect: true, retainOnDelete: true, ignoreChanges });
  }
});

test("each generated secret is protected and needs no quoting anywhere", () => {
  const passwords = graph.ofType("random:index/randomPassword:RandomPassword");
  for (const { name, inputs, options } of passwords) {
    expect(inputs, name).toEqual({ length: expect.toSatisfy((length) => length >= 32), special: false });
    expect(options.protect, name).toBe(true);
  }
  expect(graph.resource("login-seeds").options).toMatchObject({ protect: true, additionalSecretOutputs: ["seeds"] });
});

test("only data is protected: everything else can be destroyed and recreated", () => {
  const isData = /volume:Volume$|randomPassword:RandomPassword$|:login-seeds$/;
  const protectedOthers = graph.resources.filter(({ type, options }) => options.protect && !isData.test(type));
  expect(protectedOthers.map(({ name }) => name)).toEqual([]);
});

test("the network has a fixed subnet and gateway, and Docker's addresses never meet the fixed ones", () => {
  const { inputs, options } = graph.resource("network");
  expect(inputs).toEqual({
    name: "letta-network",
    driver: "bridge",
    ipamConfigs: [{ subnet: "172.22.0.0/16", gateway: "172.22.0.1", ipRange: "172.22.128.0/17" }],
  });
  expect(options.deleteBeforeReplace).toBe(true);
});

test("the server has a fixed address, which the gateway's hosts file has", () => {
  const { networksAdvanced } = graph.resource("server-container").inputs;
  expect(networksAdvanced).toEqual([
    { name: "id-of-network", aliases: ["letta-server"], ipv4Address: "172.22.0.10" },
    { name: "id-of-internal-network", aliases: ["letta-server"] },
  ]);
  const { hosts } = graph.resource("gateway-container").inputs;
  expect(hosts).toContainEqual({ host: "letta-server", ip: "172.22.0.10" });
});

test("Redis is not published; Postgres, Letta and the gateway are, each on its port", () => {
  const portsOf = (name: string) => graph.resource(`${name}-container`).inputs.ports;
  const port = (number: number) => [{ internal: number, external: number, ip: "127.0.0.1" }];
  expect(["redis", "postgres", "server", "gateway"].map(portsOf)).toEqual([[], port(5432), port(8283), port(8284)]);
});

test("Postgres keeps its cluster on the volume and shuts down fast", () => {
  const { envs, mounts, ...inputs } = graph.resource("postgres-container").inputs;
  expect(envs).toContain("PGDATA=/var/lib/postgresql/data/pgdata");
  expect(mounts).toContainEqual({ type: "volume", source: "letta-postgres", target: "/var/lib/postgresql/data" });
  expect(inputs).toMatchObject({ stopSignal: "SIGINT", destroyGraceSeconds: 120 });
});

describe("the databases", () => {
  const inputsOf = ({ resource }: Graph<LettaExports>, name: string) =>
    resource(name).inputs as unknown as DatabaseInputs;

  test("have logins that derive from the seed, stored without a password", () => {
    const { databases, ...rest } = inputsOf(graph, "databases-projects");
    expect(databases).toMatchObject(
      ["thoth", "notes"].map((name) => ({ name, logins: [{ role: name, password: passwordOf(name) }] })),
    );
    expect(rest).toMatchObject({
      ...{ host: "127.0.0.1", port: 5432, container: "letta-postgres", extensions: ["vector", "uuid-ossp"] },
      adminPassword: deriveCredentials(seed, "letta", 1).adminPassword,
    });
    expect(inputsOf(graph, "database-letta").databases.map(({ name }) => name)).toEqual(["letta"]);
    for (const name of ["databases-projects", "database-letta"]) {
      const { storedInputs } = graph.resource(name);
      expect(storedInputs).toMatchObject({ adminPassword: "[secret]", databases: "[secret]" });
    }
  });

  test("use the next role in another generation, and both during an overlap", async () => {
    const credentials = { thoth: { generation: 2, overlap: true }, notes: { generation: 2 }, letta: { generation: 2 } };
    const rotated = await lettaGraph({ projects: ["thoth", "notes"], credentials });
    const { databases, adminPassword } = inputsOf(rotated, "databases-projects");
    const login = (role: string, owner: string, generation = 1) => ({ role, password: passwordOf(owner, generation) });
    expect(databases).toMatchObject([
      { name: "thoth", logins: [login("thoth-b", "thoth", 2), login("thoth", "thoth")] },
      { name: "notes", logins: [login("notes-b", "notes", 2)] },
    ]);
    expect(adminPassword).toBe(deriveCredentials(seed, "letta", 2).adminPassword);
    const { projects, hostDatabaseUrl } = rotated.exports;
    expect(await resolved(projects.notes?.databaseUrl ?? "")).toBe(
      `postgresql://notes-b:${passwordOf("notes", 2)}@letta-postgres:5432/notes`,
    );
    expect(new URL(await resolved(hostDatabaseUrl)).username).toBe("letta-b");
    // The stack's own probe rotates with Letta.
    expect(rotated.resource("login-seeds").inputs.valid).toEqual([
      ...["letta/2", "thoth/2", "thoth/1", "notes/2", "letta-probe/2", "letta-page/2"],
    ]);
  });

  test("have the limits of the config, and Letta's those of its pools", async () => {
    const server = { workers: 2, poolSize: 20, maxOverflow: 4 };
    const ofProjects = { projectConnections: 7, projectStatementSeconds: 11, projectIdleInTransactionSeconds: 12 };
    const connections = { notes: 9 };
    const other = await lettaGraph({
      projects: ["thoth", "notes", "third"],
      sizes: { server, connections, ...ofProjects },
    });
    const limits = (connections: number, statementSeconds: number, idleInTransactionSeconds: number) => ({
      ...{ connections, statementSeconds, idleInTransactionSeconds },
    });
    expect(inputsOf(other, "database-letta").limits).toEqual(limits((2 + 1) * (20 + 4) + 5, 0, 0));
    expect(inputsOf(other, "databases-projects").limits).toEqual(limits(7, 11, 12));
    expect(inputsOf(other, "databases-projects").databases).toMatchObject([
      ...[
        { name: "thoth", connections: 80 },
        { name: "notes", connections: 9 },
      ],
      expect.not.objectContaining({ connections: expect.anything() }),
    ]);
  });
});

test("with a provider there is no trial model, and a provider's key is only in the server's file", async () => {
  const { resource, resources } = await lettaGraph({ models: { vllm: { url: "http://box:8000", key: "plain-key" } } });
  expect(resources.filter(({ name }) => name.startsWith("model"))).toEqual([]);
  const { inputs, storedInputs } = resource("server-container");
  expect(JSON.stringify(inputs.uploads)).toContain("plain-key");
  expect(JSON.stringify([inputs.envs, storedInputs])).not.toContain("plain-key");
});

test("no project reaches the trial model, which asks nobody for a token", () => {
  const { networksAdvanced, ports } = graph.resource("model-container").inputs;
  expect(networksAdvanced).toEqual([{ name: "id-of-internal-network", aliases: ["letta-model"] }]);
  expect(ports).toEqual([]);
});

test("the config's environment goes to the server, its secrets only into the file", async () => {
  const { resource } = await lettaGraph({
    env: { OLLAMA_BASE_URL: "http://ollama:11434" },
    secretEnv: { OPENAI_API_KEY: "plain-key" },
  });
  const { inputs, storedInputs } = resource("server-container");
  expect(inputs.envs).toContain("OLLAMA_BASE_URL=http://ollama:11434");
  expect(JSON.stringify(inputs.uploads)).toContain("OPENAI_API_KEY='plain-key'");
  expect(JSON.stringify(storedInputs)).not.toContain("plain-key");
});

test("with a proxy in the config, the stack's own hosts and the MCP servers of this network are reached without it", async () => {
  const { resource } = await lettaGraph({
    secretEnv: { HTTPS_PROXY: "http://plain-proxy" },
    mcpHosts: ["*-mcp", "notes"],
  });
  const expected =
    /^NO_PROXY=localhost,127\.0\.0\.1,::1,letta-postgres,.*,letta-nginx,.*,host\.docker\.internal,thoth-mcp,notes$/;
  expect(resource("server-container").inputs.envs).toContainEqual(expect.stringMatching(expected));
});

describe("order", () => {
  test.each([
    ["server-ready", ["server-container", "server-migration", "redis-ready"]],
    ["server-migration", ["database-letta"]],
    ["database-letta", ["postgres-ready"]],
    ["databases-projects", ["postgres-ready"]],
    ["gateway-ready", ["gateway-container", "server-ready", "gateway-projects"]],
    ["gateway-projects", ["identities"]],
    ["identities", ["server-ready"]],
    ["probe", ["postgres-ready", "redis-ready", "server-ready", "gateway-ready"]],
    ["network-clients", ["probe"]],
    ["backup-container", ["postgres-ready", "database-letta", "databases-projects", "server-migration"]],
    ["backup-drill-container", ["postgres-ready", "database-letta", "databases-projects", "server-migration"]],
  ])("%s waits for %j", (name, expected) => {
    expect(graph.waitsFor(name)).toEqual(expect.arrayContaining(expected));
  });

  test("nothing that serves waits for the backup or the status page, nor a container's start for another to be ready", () => {
    for (const name of ["server-ready", "gateway-ready", "probe", "postgres-ready", "databases-projects"]) {
      expect(graph.waitsFor(name).filter((other) => /^(backup|page).*(container|ready)$/.test(other))).toEqual([]);
    }
    for (const name of ["postgres", "redis", "server", "gateway"]) {
      expect(graph.waitsFor(`${name}-container`).filter((other) => other.endsWith("-ready"))).toEqual([]);
    }
  });

  test("network-clients is asked before any container stops, and knows the stack's own", () => {
    const waiting = graph.resources.filter(({ isCustom, name }) => isCustom && name !== "network-clients");
    expect(waiting.filter(({ name }) => graph.waitsFor(name).includes("network-clients"))).toEqual([]);
    const containers = graph.ofType("docker:index/container:Container");
    expect(graph.waitsFor("network-clients")).toEqual(expect.arrayContaining(containers.map(({ name }) => name)));
    expect(graph.resource("network-clients").inputs.ownContainers).toEqual(
      expect.arrayContaining(containers.map(({ inputs }) => inputs.name)),
    );
  });
});

describe("outputs", () => {
  test("exactly the secrets are secret", async () => {
    const secretsAmong = async (values: object) => {
      const isSecret = await Promise.all(Object.values(values).map((value) => pulumi.isSecret(pulumi.output(value))));
      return Object.keys(values).filter((_, index) => isSecret[index]);
    };
    const { projects, ...others } = graph.exports;
    const ofStack = ["backupSettings", "hostDatabaseUrl", "pageToken", "recoveryKey", "serverPassword"];
    expect((await secretsAmong(others)).sort()).toEqual(ofStack);
    for (const project of Object.values(projects)) {
      const ofProject = ["databaseUrl", "encryptionKey", "hostDatabaseUrl", "token"];
      expect((await secretsAmong(project)).sort()).toEqual(ofProject);
    }
  });

  test("a reader of this version understands them", async () => {
    const { interpretLettaOutputs } = await import("../../../infra/stacks/outputs.ts");
    const values = (await resolved(graph.exports)) as Record<string, unknown>;
    const containers = ["postgres", "backup", "drill", "redis", "model", "server", "nginx", "page"].map(
      (name) => `letta-${name}`,
    );
    expect(interpretLettaOutputs(values, "letta", "notes").outputs).toEqual({
      healthUrls: { server: "http://127.0.0.1:8283/v1/health/", gateway: "http://127.0.0.1:8284/nginx-health" },
      urls: { server: "http://127.0.0.1:8283", gateway: "http://127.0.0.1:8284" },
      internalUrls: { server: "http://letta-server:8283", gateway: "http://letta-nginx:8284" },
      network: { id: "id-of-network", name: "letta-network", subnet: "172.22.0.0/16" },
      volumes: { postgres: "letta-postgres", data: "letta-data", home: "letta-home" },
      ...{ containers, images: "registry", schemaVersion: "revision-1" },
      nginxImage: expect.stringMatching(/^registry\/nginx:1\.0@sha256:/),
    });
  });

  test("each project gets its own user, token, URLs and key, and Letta's own database a URL on this host", async () => {
    const { projects, hostDatabaseUrl } = graph.exports;
    const url = (name: string, host: string) => `postgresql://${name}:${passwordOf(name)}@${host}:5432/${name}`;
    const expected = (name: string) => ({
      user: `user-of-${name}`,
      generation: 1,
      token: deriveCredentials(seed, name, 1).token,
      databaseUrl: url(name, "letta-postgres"),
      hostDatabaseUrl: url(name, "127.0.0.1"),
      encryptionKey: Buffer.from(deriveSecret(seed, `${name}/encryption-key`, 32)).toString("base64url"),
    });
    expect(await resolved(projects)).toEqual({ thoth: expected("thoth"), notes: expected("notes") });
    expect(await resolved(hostDatabaseUrl)).toBe(url("letta", "127.0.0.1"));
  });

  test("an IPv6 bind address gives URLs that a client can parse", async () => {
    const { exports } = await lettaGraph({ bindAddress: "::1" });
    expect(new URL(await resolved(exports.hostDatabaseUrl)).host).toBe("[::1]:5432");
    expect(await resolved(exports.urls)).toEqual({ server: "http://[::1]:8283", gateway: "http://[::1]:8284" });
  });
});

test("TLS has its own port of the container, and its key in the volume's file only", async () => {
  const { exports, resources, resource } = await lettaGraph({ tls: "self-signed" });
  expect(resource("gateway-container").inputs.ports).toEqual([{ internal: 8443, external: 8284, ip: "127.0.0.1" }]);
  const { urls, healthUrls, internalUrls, certificate } = exports;
  const gateways = (await resolved([urls, healthUrls, internalUrls])).map(({ gateway }) => gateway);
  expect(gateways).toEqual([
    ...["https://127.0.0.1:8284", "https://127.0.0.1:8284/nginx-health", "http://letta-nginx:8284"],
  ]);
  expect(await resolved(certificate)).toBe("a certificate");
  expect(resource("gateway-tls").inputs.content).toBe("a certificateplain-tls-key");
  expect(JSON.stringify(resources.map(({ storedInputs }) => storedInputs))).not.toContain("plain-tls-key");
  expect(resource("gateway-certificate").options.additionalSecretOutputs).toEqual(["key"]);
});

test("a certificate's file that cannot be read is named", async () => {
  const missing = lettaGraph({ tls: { certificateFile: "/nowhere/tls.crt", keyFile: "/nowhere/tls.key" } });
  await expect(missing).rejects.toThrow("tls.certificateFile /nowhere/tls.crt cannot be read");
});

test("a first preview, without known ids, completes", async () => {
  expect(inventory(await lettaGraph({}, { isPreview: true }))).toEqual(inventory(await lettaGraph({})));
});

test("a prefix names every Docker object, so that two stacks can run side by side", async () => {
  const { resources } = await lettaGraph({ prefix: "try" });
  const dockerNames = resources.filter(({ type }) => type.startsWith("docker:")).map(({ inputs }) => inputs.name);
  expect(dockerNames).toHaveLength(22);
  for (const name of dockerNames) expect(name).toMatch(/^try-/);
});

test("Letta, its migration and Postgres have the config's versions", async () => {
  const { resource } = await lettaGraph({ lettaVersion: "0.9", postgresVersion: "17.1" });
  const imageOf = (name: string) => resource(name).inputs.image;
  for (const name of ["server-container", "server-migration"]) expect(imageOf(name)).toMatch("registry/letta:0.9@");
  expect(imageOf("postgres-container")).toBe("thoth-letta/postgres-archiving-17.1:1-0123456789ab");
  expect(imageOf("redis-container")).toMatch("registry/redis:1.0@");
});

test("an operator's own image serves and migrates", async () => {
  const { resource } = await lettaGraph({ lettaImage: "example.org/letta:mine" });
  for (const name of ["server-container", "server-migration"]) {
    expect(resource(name).inputs.image).toBe("example.org/letta:mine");
  }
});

test("volumePrefix gives every volume another name, and nothing else", async () => {
  const usual = await lettaGraph();
  const { resources } = await lettaGraph({ volumePrefix: "adopted" });
  const volumesOf = (all: typeof resources) => all.filter(({ type }) => type.endsWith(":Volume"));
  const names = (all: typeof resources) => volumesOf(all).map(({ inputs }) => String(inputs.name));
  expect(names(resources)).toEqual(names(usual.resources).map((name) => name.replace(/^letta-/, "adopted-")));
  const containers = (all: typeof resources) =>
    all.flatMap(({ type, inputs }) => (type.endsWith(":Container") ? [inputs.name] : []));
  expect(containers(resources)).toEqual(containers(usual.resources));
});
