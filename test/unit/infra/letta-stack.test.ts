import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, test } from "vitest";
import { deriveCredentials, deriveSecret } from "../../../infra/lib/credentials.ts";
import type { DatabaseInputs } from "../../../infra/providers/database.ts";
import type { LettaExports } from "../../../infra/stacks/outputs.ts";
import type { Graph } from "../../support/graph.ts";
import { lettaGraph } from "../../support/stack-graphs.ts";

let graph: Graph<LettaExports>;
beforeAll(async () => {
  graph = await lettaGraph({ projects: ["thoth", "notes"] });
});

/** The value of an output, which Pulumi offers to tests only by way of `apply`. */
function resolved<Value>(output: pulumi.Input<Value>): Promise<pulumi.Unwrap<Value>> {
  return new Promise((resolve) => pulumi.output(output).apply(resolve));
}

/** The database password of an owner's generation in the recorded graphs, where every seed is the first one. */
const passwordOf = (owner: string, generation = 1) =>
  deriveCredentials("plain-credentials-seed", owner, generation).databasePassword;

test("is exactly these resources", () => {
  // A changed type or name is, to the engine, another resource: what was there is deleted, a database with its data.
  expect(graph.resources.map(({ type, name }) => `${type} ${name}`).sort()).toEqual([
    "docker:index/container:Container backup-container",
    "docker:index/container:Container backup-drill-container",
    "docker:index/container:Container gateway-container",
    "docker:index/container:Container postgres-container",
    "docker:index/container:Container redis-container",
    "docker:index/container:Container server-container",
    "docker:index/network:Network internal-network",
    "docker:index/network:Network network",
    "docker:index/volume:Volume backup-scratch",
    "docker:index/volume:Volume backup-volume",
    "docker:index/volume:Volume gateway-credentials",
    "docker:index/volume:Volume postgres-volume",
    "docker:index/volume:Volume redis-credentials",
    "docker:index/volume:Volume redis-volume",
    "docker:index/volume:Volume server-credentials",
    "docker:index/volume:Volume server-data",
    "docker:index/volume:Volume server-home",
    "pulumi-nodejs:dynamic/thoth-letta:database database-letta",
    "pulumi-nodejs:dynamic/thoth-letta:database databases-projects",
    "pulumi-nodejs:dynamic/thoth-letta:letta-identities identities",
    "pulumi-nodejs:dynamic/thoth-letta:letta-probe probe",
    "pulumi-nodejs:dynamic/thoth-letta:login-seeds login-seeds",
    "pulumi-nodejs:dynamic/thoth-letta:migration server-migration",
    "pulumi-nodejs:dynamic/thoth-letta:network-clients internal-network-clients",
    "pulumi-nodejs:dynamic/thoth-letta:network-clients network-clients",
    "pulumi-nodejs:dynamic/thoth-letta:readiness backup-drill-ready",
    "pulumi-nodejs:dynamic/thoth-letta:readiness backup-ready",
    "pulumi-nodejs:dynamic/thoth-letta:readiness gateway-ready",
    "pulumi-nodejs:dynamic/thoth-letta:readiness postgres-ready",
    "pulumi-nodejs:dynamic/thoth-letta:readiness redis-ready",
    "pulumi-nodejs:dynamic/thoth-letta:readiness server-ready",
    "pulumi-nodejs:dynamic/thoth-letta:volume-file gateway-projects",
    "pulumi-nodejs:dynamic/thoth-letta:volume-file redis-users",
    "pulumi-nodejs:dynamic/thoth-letta:volume-file server-credentials-file",
    "random:index/randomPassword:RandomPassword backup-recovery-key",
    "random:index/randomPassword:RandomPassword credentials-seed",
    "random:index/randomPassword:RandomPassword server-encryption-key",
    "thoth-letta:letta:Backup backup",
    "thoth-letta:letta:Gateway gateway",
    "thoth-letta:letta:Postgres postgres",
    "thoth-letta:letta:Redis redis",
    "thoth-letta:letta:Server server",
    "thoth-letta:service:Service backup",
    "thoth-letta:service:Service backup-drill",
    "thoth-letta:service:Service gateway",
    "thoth-letta:service:Service postgres",
    "thoth-letta:service:Service redis",
    "thoth-letta:service:Service server",
  ]);
});

test("another project changes the resource of the projects' databases, the users and the gateway's projects, but no container", async () => {
  const withOne = await lettaGraph({ projects: ["thoth"] });
  const isOfAll = (name: string) =>
    ["databases-projects", "identities", "login-seeds", "gateway-projects"].includes(name);
  const described = ({ resources }: Graph<LettaExports>) =>
    resources
      .filter(({ name }) => !isOfAll(name))
      .map(({ urn, inputs }) => ({ urn, inputs }))
      .sort((a, b) => a.urn.localeCompare(b.urn));
  expect(described(graph)).toEqual(described(withOne));
});

test("each data volume survives destroy, rename and a change of labels", () => {
  const volumes = graph
    .ofType("docker:index/volume:Volume")
    .filter(({ name }) => !/-(scratch|credentials)$/.test(name));
  expect(volumes.map(({ inputs }) => inputs)).toEqual([
    { name: "letta-backup" },
    { name: "letta-postgres" },
    { name: "letta-redis" },
    { name: "letta-home" },
    { name: "letta-data" },
  ]);
  for (const { name, options } of volumes) {
    expect(options, name).toMatchObject({
      protect: true,
      retainOnDelete: true,
      ignoreChanges: ["labels", "driver", "driverOpts"],
    });
  }
});

test("each generated secret is protected and needs no quoting anywhere", () => {
  const passwords = graph.ofType("random:index/randomPassword:RandomPassword");
  expect(passwords).toHaveLength(3);
  for (const { name, inputs, options } of passwords) {
    expect(inputs, name).toEqual({ length: expect.toSatisfy((length) => length >= 32), special: false });
    expect(options.protect, name).toBe(true);
  }
});

test("the seeds of logins survive a destroy, and are secret in the state", () => {
  const { options } = graph.resource("login-seeds");
  expect(options).toMatchObject({ protect: true, additionalSecretOutputs: ["seeds"] });
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
  expect({ redis: portsOf("redis"), postgres: portsOf("postgres") }).toEqual({
    redis: [],
    postgres: [{ internal: 5432, external: 5432, ip: "127.0.0.1" }],
  });
  expect(portsOf("server")).toEqual([{ internal: 8283, external: 8283, ip: "127.0.0.1" }]);
  expect(portsOf("gateway")).toEqual([{ internal: 8284, external: 8284, ip: "127.0.0.1" }]);
});

test("Postgres keeps its cluster on the volume and shuts down fast", () => {
  const { inputs } = graph.resource("postgres-container");
  expect(inputs.envs).toContain("PGDATA=/var/lib/postgresql/data/pgdata");
  expect(inputs.mounts).toContainEqual({
    type: "volume",
    source: "letta-postgres",
    target: "/var/lib/postgresql/data",
  });
  expect(inputs).toMatchObject({ stopSignal: "SIGINT", destroyGraceSeconds: 120 });
});

test("the guard starts Postgres, with the files that it and a first start need", () => {
  const { entrypoints, command, uploads } = graph.resource("postgres-container").inputs as {
    entrypoints: string[];
    command: string[];
    uploads: { file: string; permissions: string }[];
  };
  expect([...entrypoints, ...command].slice(2, 5)).toEqual(["bash", "/usr/local/bin/postgres-guard", "postgres"]);
  const paths = ["guard", "certificate"].map((name) => `/usr/local/bin/postgres-${name}`);
  expect(uploads.map(({ file }) => file)).toEqual(
    expect.arrayContaining([...paths, "/docker-entrypoint-initdb.d/zz-initialised.sh", "/etc/thoth-letta/pg_hba.conf"]),
  );
});

describe("the databases", () => {
  const inputsOf = ({ resource }: Graph<LettaExports>, name: string) =>
    resource(name).inputs as unknown as DatabaseInputs;

  test("have logins that derive from the seed", () => {
    const { databases, ...rest } = inputsOf(graph, "databases-projects");
    expect(databases).toEqual(
      ["thoth", "notes"].map((name) => ({ name, logins: [{ role: name, password: passwordOf(name) }] })),
    );
    expect(rest).toMatchObject({
      ...{ host: "127.0.0.1", port: 5432, container: "letta-postgres", extensions: ["vector", "uuid-ossp"] },
      adminPassword: deriveCredentials("plain-credentials-seed", "letta", 1).adminPassword,
    });
    expect(inputsOf(graph, "database-letta").databases.map(({ name }) => name)).toEqual(["letta"]);
  });

  test("are stored without a password", () => {
    for (const name of ["databases-projects", "database-letta"]) {
      const { storedInputs } = graph.resource(name);
      expect(storedInputs).toMatchObject({ adminPassword: "[secret]", databases: "[secret]" });
    }
  });

  test("use the next role in another generation, and both during an overlap", async () => {
    const credentials = { thoth: { generation: 2, overlap: true }, notes: { generation: 2 }, letta: { generation: 2 } };
    const rotated = await lettaGraph({ projects: ["thoth", "notes"], credentials });
    const { databases, adminPassword } = inputsOf(rotated, "databases-projects");
    expect(databases).toEqual([
      {
        name: "thoth",
        logins: [
          { role: "thoth-b", password: passwordOf("thoth", 2) },
          { role: "thoth", password: passwordOf("thoth") },
        ],
      },
      { name: "notes", logins: [{ role: "notes-b", password: passwordOf("notes", 2) }] },
    ]);
    expect(adminPassword).toBe(deriveCredentials("plain-credentials-seed", "letta", 2).adminPassword);
    const { projects, hostDatabaseUrl } = rotated.exports;
    expect(await resolved(projects.notes?.databaseUrl ?? "")).toBe(
      `postgresql://notes-b:${passwordOf("notes", 2)}@letta-postgres:5432/notes`,
    );
    expect(new URL(await resolved(hostDatabaseUrl)).username).toBe("letta-b");
    // The stack's own probe rotates with Letta.
    expect(rotated.resource("login-seeds").inputs.valid).toEqual([
      ...["letta/2", "thoth/2", "thoth/1", "notes/2", "letta-probe/2"],
    ]);
  });

  test("have the limits of the config, and Letta's those of its pools", async () => {
    const other = await lettaGraph({
      sizes: {
        ...{ projectConnections: 7, projectStatementSeconds: 11, projectIdleInTransactionSeconds: 12 },
        server: { workers: 2, poolSize: 20, maxOverflow: 4 },
      },
    });
    expect(inputsOf(other, "database-letta").limits).toEqual({
      ...{ connections: (2 + 1) * (20 + 4) + 5, statementSeconds: 0, idleInTransactionSeconds: 0 },
    });
    expect(inputsOf(other, "databases-projects").limits).toEqual({
      ...{ connections: 7, statementSeconds: 11, idleInTransactionSeconds: 12 },
    });
  });
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
    ["network-clients", ["probe", "postgres-container", "redis-container", "server-container", "gateway-container"]],
    ["network-clients", ["backup-container", "backup-drill-container"]],
    ["backup-container", ["postgres-ready", "database-letta", "databases-projects", "server-migration"]],
    ["backup-drill-container", ["postgres-ready", "database-letta", "databases-projects", "server-migration"]],
  ])("%s waits for %j", (name, expected) => {
    expect(graph.waitsFor(name)).toEqual(expect.arrayContaining(expected));
  });

  test("containers start together: only those of the backup wait for others to be ready", () => {
    const containers = graph.ofType("docker:index/container:Container");
    for (const { name } of containers.filter((container) => !container.name.startsWith("backup"))) {
      expect(graph.waitsFor(name).filter((other) => other.endsWith("-ready"))).toEqual([]);
    }
  });

  test("nothing that serves waits for the backup", () => {
    for (const name of ["server-ready", "gateway-ready", "probe", "postgres-ready", "databases-projects"]) {
      expect(graph.waitsFor(name).filter((other) => /^backup.*(container|ready)$/.test(other))).toEqual([]);
    }
  });

  test("nothing waits for network-clients, so a destroy asks it first", () => {
    const others = graph.resources.filter(({ isCustom, name }) => isCustom && name !== "network-clients");
    expect(others.filter(({ name }) => graph.waitsFor(name).includes("network-clients"))).toEqual([]);
  });

  test("network-clients is asked before any container stops, and knows the stack's own", () => {
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
      const secrecy = await Promise.all(
        Object.entries(values).map(async ([name, value]) => [name, await pulumi.isSecret(pulumi.output(value))]),
      );
      return secrecy.filter(([, isSecret]) => isSecret).map(([name]) => name);
    };
    const { projects, ...others } = graph.exports;
    expect((await secretsAmong(others)).sort()).toEqual([
      ...["backupSettings", "hostDatabaseUrl", "recoveryKey", "serverPassword"],
    ]);
    for (const project of Object.values(projects)) {
      expect((await secretsAmong(project)).sort()).toEqual([
        ...["databaseUrl", "encryptionKey", "hostDatabaseUrl", "token"],
      ]);
    }
  });

  test("a reader of this version understands them", async () => {
    const { interpretLettaOutputs } = await import("../../../infra/stacks/outputs.ts");
    const values = (await resolved(graph.exports)) as Record<string, unknown>;
    const { outputs, databaseUrl } = interpretLettaOutputs(values, "letta", "notes");
    expect(outputs).toEqual({
      healthUrls: { server: "http://127.0.0.1:8283/v1/health/", gateway: "http://127.0.0.1:8284/nginx-health" },
      urls: { server: "http://127.0.0.1:8283", gateway: "http://127.0.0.1:8284" },
      internalUrls: { server: "http://letta-server:8283", gateway: "http://letta-nginx:8284" },
      network: { id: "id-of-network", name: "letta-network", subnet: "172.22.0.0/16" },
      volumes: { postgres: "letta-postgres", data: "letta-data", home: "letta-home" },
      containers: [...["letta-postgres", "letta-backup", "letta-drill", "letta-redis", "letta-server", "letta-nginx"]],
      images: "registry",
      schemaVersion: "revision-1",
    });
    expect(await resolved(databaseUrl)).toBe(`postgresql://notes:${passwordOf("notes")}@letta-postgres:5432/notes`);
  });

  test("each project gets its own user, token, URLs and key, and Letta's own database a URL on this host", async () => {
    const { projects, hostDatabaseUrl } = graph.exports;
    const hostUrlOf = (name: string) => `postgresql://${name}:${passwordOf(name)}@127.0.0.1:5432/${name}`;
    const expected = (name: string) => ({
      user: `user-of-${name}`,
      generation: 1,
      token: deriveCredentials("plain-credentials-seed", name, 1).token,
      databaseUrl: `postgresql://${name}:${passwordOf(name)}@letta-postgres:5432/${name}`,
      hostDatabaseUrl: hostUrlOf(name),
      encryptionKey: Buffer.from(deriveSecret("plain-credentials-seed", `${name}/encryption-key`, 32)).toString(
        "base64url",
      ),
    });
    expect(await resolved(projects)).toEqual({ thoth: expected("thoth"), notes: expected("notes") });
    expect(await resolved(hostDatabaseUrl)).toBe(hostUrlOf("letta"));
  });

  test("an IPv6 bind address gives URLs that a client can parse", async () => {
    const { exports } = await lettaGraph({ bindAddress: "::1" });
    expect(new URL(await resolved(exports.hostDatabaseUrl)).host).toBe("[::1]:5432");
    expect(await resolved(exports.urls)).toEqual({ server: "http://[::1]:8283", gateway: "http://[::1]:8284" });
  });
});

describe("TLS", () => {
  const ofTls = (tls: unknown) => lettaGraph({ tls });

  test("is on another port of the container, so that other containers need none", async () => {
    const { exports, resource } = await ofTls("self-signed");
    expect(resource("gateway-container").inputs.ports).toEqual([{ internal: 8443, external: 8284, ip: "127.0.0.1" }]);
    const { urls, healthUrls, internalUrls, certificate } = exports;
    expect([await resolved(urls), await resolved(healthUrls), await resolved(internalUrls)]).toMatchObject([
      { gateway: "https://127.0.0.1:8284" },
      { gateway: "https://127.0.0.1:8284/nginx-health" },
      { gateway: "http://letta-nginx:8284" },
    ]);
    expect(await resolved(certificate)).toBe("a certificate");
  });

  test("has its key in the volume's file only, as a secret", async () => {
    const { resources, resource } = await ofTls("self-signed");
    expect(resource("gateway-tls").inputs.content).toBe("a certificateplain-tls-key");
    expect(JSON.stringify(resources.map(({ storedInputs }) => storedInputs))).not.toContain("plain-tls-key");
    expect(resource("gateway-certificate").options.additionalSecretOutputs).toEqual(["key"]);
  });

  test("names the certificate's file that cannot be read", async () => {
    const missing = ofTls({ certificateFile: "/nowhere/tls.crt", keyFile: "/nowhere/tls.key" });
    await expect(missing).rejects.toThrow("tls.certificateFile /nowhere/tls.crt cannot be read");
  });
});

test("a first preview, without known ids, completes", async () => {
  const preview = await lettaGraph({}, { isPreview: true });
  expect(preview.resources.map(({ urn }) => urn).sort()).toEqual(
    (await lettaGraph({})).resources.map(({ urn }) => urn).sort(),
  );
});

test("a prefix names every Docker object, so that two stacks can run side by side", async () => {
  const { resources } = await lettaGraph({ prefix: "try" });
  const dockerNames = resources.filter(({ type }) => type.startsWith("docker:")).map(({ inputs }) => inputs.name);
  expect(dockerNames).toHaveLength(17);
  for (const name of dockerNames) expect(name).toMatch(/^try-/);
});

test("Letta, its migration and Postgres have the config's versions", async () => {
  const { resource } = await lettaGraph({ lettaVersion: "0.9", postgresVersion: "17.1" });
  const images = ["server-container", "server-migration", "postgres-container", "redis-container"];
  const digest = `sha256:${"0".repeat(64)}`;
  expect(images.map((name) => resource(name).inputs.image)).toEqual([
    `registry/letta:0.9@${digest}`,
    `registry/letta:0.9@${digest}`,
    "thoth-letta/postgres-archiving-17.1:1-0123456789ab",
    `registry/redis:1.0@${digest}`,
  ]);
});
