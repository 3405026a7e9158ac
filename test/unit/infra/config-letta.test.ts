import { describe, expect, test } from "vitest";
import { parseLettaConfig } from "../../../infra/config/letta.ts";
import type { RawConfig } from "../../../infra/config/read.ts";
import { UserError } from "../../../infra/lib/errors.ts";

/** What the operator reads when the config is refused. */
function refusal(raw: RawConfig, stack = "letta"): string {
  try {
    parseLettaConfig(raw, stack);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }
  throw new Error("the config was accepted");
}

test("an empty file is complete", () => {
  expect(parseLettaConfig({}, "letta")).toEqual({
    kind: "letta",
    prefix: "letta",
    images: "registry",
    bindAddress: "127.0.0.1",
    ports: { postgres: 5432, server: 8283, gateway: 8284 },
    subnet: "172.22.0.0/16",
    internalSubnet: "172.23.0.0/24",
    defaultProject: "thoth",
    credentials: {},
    projectLimits: { requestsPerSecond: 50, burst: 100, connections: 64, runs: 8 },
    projects: ["thoth"],
    allowedOrigins: ["app://obsidian.md", "capacitor://localhost", "http://localhost", "https://app.letta.com"],
    mcpHosts: ["thoth-mcp"],
    maxRequestMiB: 100,
    contextWindowLimit: 128_000,
    env: {},
    secretEnv: {},
    sizes: {
      postgres: { memoryMiB: 1024, processes: 512, sharedBuffersMiB: 256, maxConnections: 200 },
      redis: { memoryMiB: 384, processes: 64, maxMemoryMiB: 256 },
      server: { memoryMiB: 2048, processes: 1024, workers: 1, poolSize: 25, maxOverflow: 10 },
      gateway: { memoryMiB: 128, processes: 256 },
      backup: { memoryMiB: 512, processes: 256 },
      drill: { memoryMiB: 768, processes: 256 },
      projectConnections: 30,
      projectStatementSeconds: 300,
      projectIdleInTransactionSeconds: 60,
    },
    backup: {
      enabled: true,
      schedule: {
        full: "17 3 * * 0",
        differential: "17 2 * * 1-6",
        incremental: "17 */6 * * *",
        verify: "37 4 * * *",
        drill: "47 4 * * *",
      },
      retention: { days: 14, fulls: 2, dumps: 7 },
      archiveSeconds: 60,
      heartbeatSeconds: 10,
      drillOnStart: true,
    },
    postgresVolume: "letta-postgres",
  });
});

test("the prefix is the stack's name unless it is given", () => {
  expect(parseLettaConfig({}, "try-1").prefix).toBe("try-1");
  expect(parseLettaConfig({ prefix: "other" }, "try-1").prefix).toBe("other");
});

test("Postgres' volume is named after the prefix unless it is given", () => {
  expect(parseLettaConfig({ prefix: "other" }, "letta").postgresVolume).toBe("other-postgres");
  expect(parseLettaConfig({ postgresVolume: "letta_restored.1" }, "letta").postgresVolume).toBe("letta_restored.1");
});

test("the copy of the backups elsewhere needs no more than where it is and who asks", () => {
  const sftp = { type: "sftp", host: "nas", user: "backup", path: "letta", privateKey: "plain-key" };
  const s3 = { type: "s3", endpoint: "https://s3.example.org", bucket: "b", accessKey: "a", secretKey: "s" };
  const offsite = (value: object) => parseLettaConfig({ backup: { offsite: value } }, "letta").backup.offsite;
  expect(offsite(sftp)).toEqual({ ...sftp, port: 22 });
  expect(offsite(s3)).toEqual({ ...s3, region: "us-east-1", path: "" });
});

test("a part of an object leaves the other defaults", () => {
  const config = parseLettaConfig({ ports: { gateway: 9000 }, sizes: { server: { workers: 2 } } }, "letta");
  expect(config.ports).toEqual({ postgres: 5432, server: 8283, gateway: 9000 });
  expect(config.sizes.server).toEqual({ memoryMiB: 2048, processes: 1024, workers: 2, poolSize: 25, maxOverflow: 10 });
});

test("numbers and booleans in the environment become the text that a container gets", () => {
  const { env } = parseLettaConfig({ env: { PORT: 80, DEBUG: true, NAME: "x", EMPTY: "" } }, "letta");
  expect(env).toEqual({ PORT: "80", DEBUG: "true", NAME: "x", EMPTY: "" });
});

test("one mistake names the key, what is wrong and the command that fixes it", () => {
  expect(refusal({ ports: { gateway: 0 } }, "try")).toBe(
    "1 mistake in Pulumi.try.yaml:\n" +
      "  - thoth-letta:ports.gateway: must be 1-65535\n" +
      "    fix: pulumi config set --path 'thoth-letta:ports.gateway' VALUE -s try",
  );
});

test("all mistakes come in one message", () => {
  expect(
    refusal({
      bindAddress: "localhost",
      ports: { postgres: "5432", server: 70_000, smtp: 25 },
      projects: ["Thoth", "ok"],
      bogus: 1,
    }),
  ).toBe(
    [
      "6 mistakes in Pulumi.letta.yaml:",
      "  - thoth-letta:bindAddress: must be an IP address of this host",
      "    fix: pulumi config set --path 'thoth-letta:bindAddress' VALUE -s letta",
      "  - thoth-letta:ports.postgres: must be a port number",
      "    fix: pulumi config set --path 'thoth-letta:ports.postgres' VALUE -s letta",
      "  - thoth-letta:ports.server: must be 1-65535",
      "    fix: pulumi config set --path 'thoth-letta:ports.server' VALUE -s letta",
      "  - thoth-letta:ports.smtp: no such key",
      "    fix: pulumi config rm --path 'thoth-letta:ports.smtp' -s letta",
      "  - thoth-letta:projects[0]: must be 1-31 of a-z, 0-9 and _, starting with a letter",
      "    fix: pulumi config set --path 'thoth-letta:projects[0]' VALUE -s letta",
      "  - thoth-letta:bogus: no such key",
      "    fix: pulumi config rm --path 'thoth-letta:bogus' -s letta",
    ].join("\n"),
  );
});

test("a wrong default project is reported together with other mistakes", () => {
  const message = refusal({ bindAddress: "localhost", defaultProject: "thot" });
  expect(message).toContain("2 mistakes in Pulumi.letta.yaml:");
  expect(message).toContain(`thoth-letta:defaultProject: "thot" is not one of the projects (thoth)`);
});

describe("refuses", () => {
  test.each<[string, RawConfig, string]>([
    ["a kind that is another's", { kind: "thoth" }, "thoth-letta:kind: "],
    ["a prefix with an underscore", { prefix: "a_b" }, "thoth-letta:prefix: must be 2-32 of a-z, 0-9 and -"],
    ["a prefix that ends in a dash", { prefix: "a-" }, "thoth-letta:prefix: must be 2-32"],
    ["a prefix of a number", { prefix: 7 }, "thoth-letta:prefix: Invalid input: expected string, received number"],
    ["another source of images", { images: "hub" }, 'thoth-letta:images: must be "registry" or "local"'],
    ["a version that is no tag", { lettaVersion: "0.16.5+x" }, "thoth-letta:lettaVersion: is not a valid version"],
    ["a mirror that is no text", { imageMirror: 1 }, "thoth-letta:imageMirror: "],
    ["a port with a fraction", { ports: { gateway: 1.5 } }, "thoth-letta:ports.gateway: must be a port number"],
    ["a port above the range", { ports: { gateway: 65_536 } }, "thoth-letta:ports.gateway: must be 1-65535"],
    ["one port for two services", { ports: { gateway: 8283 } }, "thoth-letta:ports: names port 8283 twice"],
    ["a subnet that is none", { subnet: "172.22" }, "thoth-letta:subnet: must be an IPv4 subnet such as"],
    ["an IPv6 subnet", { subnet: "fd00::/64" }, "thoth-letta:subnet: must be an IPv4 subnet such as"],
    ["a subnet too small", { subnet: "10.0.0.0/27" }, "thoth-letta:subnet: must be between /12 and /26"],
    ["a subnet too large", { subnet: "10.0.0.0/11" }, "thoth-letta:subnet: must be between /12 and /26"],
    ["a host's address as subnet", { subnet: "172.22.0.5/16" }, "thoth-letta:subnet: must start at 172.22.0.0"],
    ["a project in capitals", { projects: ["Thoth"] }, "thoth-letta:projects[0]: must be 1-31 of a-z, 0-9 and _"],
    ["a project of 32 letters", { projects: ["a".repeat(32)] }, "thoth-letta:projects[0]: must be 1-31"],
    ["a project that is no text", { projects: [1] }, "thoth-letta:projects[0]: Invalid input: expected string"],
    ["projects that are no list", { projects: "thoth" }, "thoth-letta:projects: Invalid input: expected array"],
    ["a project twice", { projects: ["a", "b", "a"] }, "thoth-letta:projects: names a project twice"],
    [
      "a default project that is not one of the projects",
      { projects: ["thoth", "notes"], defaultProject: "thot" },
      'thoth-letta:defaultProject: "thot" is not one of the projects (thoth, notes)',
    ],
    [
      "an origin with a path",
      { allowedOrigins: ["https://a.org/"] },
      "thoth-letta:allowedOrigins[0]: must be an origin",
    ],
    ["any origin", { allowedOrigins: ["*"] }, "thoth-letta:allowedOrigins[0]: must be an origin"],
    ["an origin that ends nginx' string", { allowedOrigins: ['a://b"c'] }, "thoth-letta:allowedOrigins[0]: must be"],
    ["an origin without a scheme", { allowedOrigins: ["a.org"] }, "thoth-letta:allowedOrigins[0]: must be an origin"],
    ["an MCP host with a port", { mcpHosts: ["a:80"] }, "thoth-letta:mcpHosts[0]: must be a host name"],
    ["a body limit of nothing", { maxRequestMiB: 0 }, "thoth-letta:maxRequestMiB: must be at least 1 MiB"],
    ["a tiny context window", { contextWindowLimit: 10 }, "thoth-letta:contextWindowLimit: "],
    ["a variable's name with a dash", { env: { "MY-VAR": "x" } }, "thoth-letta:env.MY-VAR: must be a variable name"],
    ["a list as a variable", { env: { A: ["x"] } }, "thoth-letta:env.A: must be text, a number or true/false"],
    ["an object as a secret", { secretEnv: { A: { b: 1 } } }, "thoth-letta:secretEnv.A: must be text, a number or"],
    ["nothing as a variable", { env: { A: null } }, "thoth-letta:env.A: must be text, a number or true/false"],
    [
      "too little memory",
      { sizes: { server: { memoryMiB: 512 } } },
      "sizes.server.memoryMiB: must be at least 768 MiB",
    ],
    [
      "memory with a unit",
      { sizes: { gateway: { memoryMiB: "1g" } } },
      "gateway.memoryMiB: must be a whole number of MiB",
    ],
    ["no worker", { sizes: { server: { workers: 0 } } }, "thoth-letta:sizes.server.workers: "],
    ["a former key", { backup: { engine: "core" } }, "backup.engine: is backup.enabled now: true or false"],
    [
      "a schedule that is none",
      { backup: { schedule: { full: "daily" } } },
      "thoth-letta:backup.schedule.full: must be a cron expression such as",
    ],
    [
      "a schedule of seconds",
      { backup: { schedule: { drill: "* * * * * *" } } },
      "thoth-letta:backup.schedule.drill: must be a cron expression such as",
    ],
    ["backups kept no day", { backup: { retention: { days: 0 } } }, "thoth-letta:backup.retention.days: "],
    ["another host of no known kind", { backup: { offsite: { type: "ftp" } } }, "thoth-letta:backup.offsite.type: "],
    ["an unknown key of the backup", { backup: { when: "now" } }, "thoth-letta:backup.when: no such key"],
    ["a volume's name with a slash", { postgresVolume: "/data" }, "thoth-letta:postgresVolume: must be the name of a"],
    ["another of its volumes", { postgresVolume: "letta-home" }, "thoth-letta:postgresVolume: is another volume of"],
    ["the gateway's port by its former key", { ports: { sse: 1 } }, "thoth-letta:ports.sse: is ports.gateway now\n"],
    ["an unknown size", { sizes: { mysql: {} } }, "thoth-letta:sizes.mysql: no such key"],
  ])("%s", (_, raw, expected) => {
    const message = refusal(raw);
    expect(message).toContain(expected);
    expect(message).toMatch(/^1 mistake in Pulumi\.letta\.yaml:\n/);
  });

  test.each(["letta", "postgres", "template0", "template1", "public", "none", "pg_thoth"])(
    "project %s, a name that Letta or Postgres uses",
    (name) => {
      expect(refusal({ projects: [name] })).toContain("thoth-letta:projects[0]: is a name Postgres or Letta uses");
    },
  );
});

describe("the fixing command", () => {
  test("removes a variable whose name is wrong, rather than setting it again", () => {
    expect(refusal({ env: { "MY-VAR": "x" } })).toContain(
      "fix: pulumi config rm --path 'thoth-letta:env.MY-VAR' -s letta",
    );
  });

  test("quotes a part of the path that has a dot", () => {
    expect(refusal({ env: { "my.var": "x" } })).toContain(`rm --path 'thoth-letta:env["my.var"]' -s letta`);
  });

  test("names the place in a list", () => {
    expect(refusal({ projects: ["ok", "No"] })).toContain("set --path 'thoth-letta:projects[1]' VALUE");
  });
});

test("a refused secret is not in the message", () => {
  expect(refusal({ secretEnv: { "A-KEY": "plain-key", B: ["plain-other"] } })).not.toContain("plain-");
  const offsite = { type: "sftp", host: "", user: 1, privateKey: ["plain-key"], path: "plain-path" };
  expect(refusal({ backup: { offsite } })).not.toContain("plain-");
});

describe("connections", () => {
  const sizes = (server: object, maxConnections = 200) => ({ sizes: { server, postgres: { maxConnections } } });

  test("all that Letta may open must fit beside a project's and the reserve", () => {
    // 150 is what 200 leaves: 30 for a project, 20 for superusers, provisioning, backup and one psql.
    expect(parseLettaConfig(sizes({ poolSize: 65, maxOverflow: 10 }), "letta").sizes.server.poolSize).toBe(65);
    expect(refusal(sizes({ poolSize: 65, maxOverflow: 11 }))).toContain(
      "thoth-letta:sizes.postgres.maxConnections: is 200, but Letta alone may open 152 connections " +
        "((workers + 1) x (poolSize + maxOverflow)); raise it to at least 202",
    );
  });

  test("each process has its own pool, and the proposed number is enough", () => {
    const message = refusal(sizes({ workers: 8 }));
    const proposed = Number(/raise it to at least (\d+)/.exec(message)?.[1]);
    expect(proposed).toBe((8 + 1) * 35 + 50);
    expect(() => parseLettaConfig(sizes({ workers: 8 }, proposed), "letta")).not.toThrow();
    expect(() => parseLettaConfig(sizes({ workers: 8 }, proposed - 1), "letta")).toThrow(UserError);
  });
});

test("Redis has room to fork: its memory is 1.25 times what it may hold, and the proposed number is enough", () => {
  const redis = (memoryMiB: number) => ({ sizes: { redis: { maxMemoryMiB: 301, memoryMiB } } });
  expect(refusal(redis(376))).toContain(
    "thoth-letta:sizes.redis.memoryMiB: must be at least 1.25 x redis.maxMemoryMiB (377 MiB)",
  );
  expect(() => parseLettaConfig(redis(377), "letta")).not.toThrow();
});

test("Postgres has room beside its shared buffers, and the proposed number is enough", () => {
  const postgres = (memoryMiB: number) => ({ sizes: { postgres: { sharedBuffersMiB: 256, memoryMiB } } });
  expect(refusal(postgres(511))).toContain(
    "thoth-letta:sizes.postgres.memoryMiB: must be at least 2 x postgres.sharedBuffersMiB (512 MiB)",
  );
  expect(() => parseLettaConfig(postgres(512), "letta")).not.toThrow();
});

test("a version that YAML takes for a number is one all the same", () => {
  expect(parseLettaConfig({ postgresVersion: 17 }, "letta").postgresVersion).toBe("17");
});
