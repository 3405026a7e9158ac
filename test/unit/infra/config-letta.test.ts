import { describe, expect, test } from "vitest";
import { serverEnvironment } from "../../../infra/components/letta-server.ts";
import { parseLettaConfig } from "../../../infra/config/letta.ts";
import type { RawConfig } from "../../../infra/config/read.ts";
import { refusedVariables } from "../../../infra/config/server-variables.ts";
import { UserError } from "../../../infra/lib/errors.ts";

const parse = (raw: RawConfig, stack = "letta") => parseLettaConfig(raw, stack);

/** What the operator reads when the config is refused. */
function refusal(raw: RawConfig, stack = "letta"): string {
  try {
    parse(raw, stack);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }
  throw new Error("the config was accepted");
}

test("an empty file is complete, with everything on this host alone", () => {
  expect(parse({})).toMatchObject({
    ...{ kind: "letta", prefix: "letta", images: "registry", bindAddress: "127.0.0.1" },
    ports: { postgres: 5432, server: 8283, gateway: 8284 },
    ...{ subnet: "172.22.0.0/16", internalSubnet: "172.23.0.0/24" },
    ...{ projects: ["thoth"], defaultProject: "thoth", mcpHosts: ["*-mcp"], postgresVolume: "letta-postgres" },
    backup: { enabled: true, retention: { days: 14, fulls: 2, dumps: 7 }, archiveSeconds: 60, drillOnStart: true },
  });
});

test("the prefix is the stack's name and names Postgres' volume, unless they are given", () => {
  const namesOf = ({ prefix, postgresVolume }: ReturnType<typeof parse>) => [prefix, postgresVolume];
  expect(namesOf(parse({}, "try-1"))).toEqual(["try-1", "try-1-postgres"]);
  expect(namesOf(parse({ prefix: "other" }, "try-1"))).toEqual(["other", "other-postgres"]);
  expect(namesOf(parse({ postgresVolume: "restored.1" }))).toEqual(["letta", "restored.1"]);
});

test("the copy of the backups elsewhere needs no more than where it is and who asks", () => {
  const sftp = { type: "sftp", host: "nas", user: "backup", path: "letta", privateKey: "plain-key" };
  const s3 = { type: "s3", endpoint: "https://s3.example.org", bucket: "b", accessKey: "a", secretKey: "s" };
  const offsite = (value: object) => parse({ backup: { offsite: value } }).backup.offsite;
  expect(offsite(sftp)).toEqual({ ...sftp, port: 22 });
  expect(offsite(s3)).toEqual({ ...s3, region: "us-east-1", path: "" });
});

test("a part of an object leaves the other defaults", () => {
  const config = parse({ ports: { gateway: 9000 }, sizes: { server: { workers: 2 } } });
  expect(config.ports).toEqual({ postgres: 5432, server: 8283, gateway: 9000 });
  expect(config.sizes.server).toEqual({ memoryMiB: 2048, processes: 1024, workers: 2, poolSize: 25, maxOverflow: 10 });
});

test("numbers and booleans in the environment become the text that a container gets", () => {
  const { env } = parse({ env: { PORT: 80, DEBUG: true, NAME: "x", EMPTY: "" } });
  expect(env).toEqual({ PORT: "80", DEBUG: "true", NAME: "x", EMPTY: "" });
});

test("hosts of MCP servers are written as a URL has them", () => {
  const mcpHosts = ["*-mcp", "Notes-MCP", "my_mcp", "10.0.0.7", "[FD00:0::01]", "fd00::2"];
  expect(parse({ mcpHosts }).mcpHosts).toEqual(["*-mcp", "notes-mcp", "my_mcp", "10.0.0.7", "fd00::1", "fd00::2"]);
});

test("all mistakes come in one message", () => {
  const ports = { postgres: "a", server: 65_536, smtp: 25 };
  expect(refusal({ bindAddress: "localhost", ports, projects: ["ok", "Thoth"], bogus: 1 }, "try")).toBe(
    [
      "6 mistakes in Pulumi.try.yaml:",
      "  - thoth-letta:bindAddress: must be an IP address of this host",
      "    fix: pulumi config set --path 'thoth-letta:bindAddress' VALUE -s try",
      "  - thoth-letta:ports.postgres: must be a port number",
      "    fix: pulumi config set --path 'thoth-letta:ports.postgres' VALUE -s try",
      "  - thoth-letta:ports.server: must be 1-65535",
      "    fix: pulumi config set --path 'thoth-letta:ports.server' VALUE -s try",
      "  - thoth-letta:ports.smtp: no such key",
      "    fix: pulumi config rm --path 'thoth-letta:ports.smtp' -s try",
      "  - thoth-letta:projects[1]: must be 1-31 of a-z, 0-9 and _, starting with a letter",
      "    fix: pulumi config set --path 'thoth-letta:projects[1]' VALUE -s try",
      "  - thoth-letta:bogus: no such key",
      "    fix: pulumi config rm --path 'thoth-letta:bogus' -s try",
    ].join("\n"),
  );
});

test("a wrong default project is reported together with other mistakes", () => {
  const message = refusal({ bindAddress: "localhost", defaultProject: "thot" });
  expect(message).toContain("2 mistakes in Pulumi.letta.yaml:");
  expect(message).toContain(`thoth-letta:defaultProject: "thot" is not one of the projects (thoth)`);
});

describe("refuses", () => {
  const environment = "must be text, a number or true/false";
  const used = "is a name Postgres or Letta uses";
  const origin = "allowedOrigins[0]: must be an origin";
  type Row = [RawConfig, string];
  test.each<Row>([
    [{ kind: "thoth" }, "kind: "],
    [{ prefix: "a_b" }, "prefix: must be 2-32 of a-z, 0-9 and -"],
    [{ prefix: "a-" }, "prefix: must be 2-32"],
    [{ lettaVersion: "0.16.5+x" }, "lettaVersion: is not a valid version"],
    [{ ports: { gateway: 8283 } }, "ports: names port 8283 twice"],
    // Former keys
    [{ ports: { sse: 1 } }, "ports.sse: is ports.gateway now\n"],
    [{ backup: { engine: "core" } }, "backup.engine: is backup.enabled now: true or false"],
    [{ subnet: "172.22" }, "subnet: must be an IPv4 subnet such as"],
    [{ subnet: "fd00::/64" }, "subnet: must be an IPv4 subnet such as"],
    [{ subnet: "10.0.0.0/27" }, "subnet: must be between /12 and /26"],
    [{ subnet: "10.0.0.0/11" }, "subnet: must be between /12 and /26"],
    [{ subnet: "172.22.0.5/16" }, "subnet: must start at 172.22.0.0"],
    [{ internalSubnet: "172.22.1.0/24" }, "internalSubnet: overlaps with subnet 172.22.0.0/16"],
    [{ projects: ["a".repeat(32)] }, "projects[0]: must be 1-31"],
    [{ projects: ["a", "b", "a"] }, "projects: names a project twice"],
    ...["letta", "none", "pg_thoth"].map((name): Row => [{ projects: [name] }, `projects[0]: ${used}`]),
    // An origin stands in a string of nginx.
    ...["https://a.org/", "*", 'a://b"c', "a.org"].map((one): Row => [{ allowedOrigins: [one] }, origin]),
    ...["a:80", "http://a", "[fd00::1]:80", "", "*"].map(
      (host): Row => [{ mcpHosts: [host] }, "mcpHosts[0]: must be a host name or"],
    ),
    [{ env: { "MY-VAR": "x" } }, "env.MY-VAR: must be a variable name"],
    [{ env: { TOOL_EXEC_VENV_NAME: "venv" } }, "env.TOOL_EXEC_VENV_NAME: would take every organization its tools"],
    [{ secretEnv: { LETTA_PG_URI: "x" } }, "secretEnv.LETTA_PG_URI: would move Letta to another database"],
    [{ env: { A: ["x"] } }, `env.A: ${environment}`],
    [{ env: { A: null } }, `env.A: ${environment}`],
    [{ sizes: { server: { memoryMiB: 512 } } }, "sizes.server.memoryMiB: must be at least 768 MiB"],
    [{ sizes: { gateway: { memoryMiB: "1g" } } }, "gateway.memoryMiB: must be a whole number of MiB"],
    [{ backup: { schedule: { full: "daily" } } }, "backup.schedule.full: must be a cron expression such as"],
    [{ backup: { schedule: { drill: "* * * * * *" } } }, "backup.schedule.drill: must be a cron expression such as"],
    [{ backup: { offsite: { type: "ftp" } } }, "backup.offsite.type: "],
    [{ postgresVolume: "/data" }, "postgresVolume: must be the name of a"],
    [{ postgresVolume: "letta-home" }, "postgresVolume: is another volume of"],
  ])("%j", (raw, expected) => {
    const message = refusal(raw);
    expect(message).toContain(expected);
    expect(message).toMatch(/^1 mistake in Pulumi\.letta\.yaml:\n/);
  });
});

test("a variable whose name is wrong is removed rather than set again, and quoted if it has a dot", () => {
  const message = refusal({ env: { "MY-VAR": "x", "my.var": "x" } });
  expect(message).toContain("fix: pulumi config rm --path 'thoth-letta:env.MY-VAR' -s letta");
  expect(message).toContain(`rm --path 'thoth-letta:env["my.var"]' -s letta`);
});

test("a variable that would break Letta is removed", () => {
  const message = refusal({ env: { LETTA_SERVER_SECURE: "false" } });
  expect(message).toContain("fix: pulumi config rm --path 'thoth-letta:env.LETTA_SERVER_SECURE' -s letta");
});

test("every variable that the stack sets itself is refused, but for the one that reduces traces", () => {
  const open = ["LETTA_TELEMETRY_PROVIDER_TRACE_PG_METADATA_ONLY"];
  const own = Object.keys(serverEnvironment(parse({}))).filter((name) => !open.includes(name));
  expect(Object.keys(refusedVariables)).toEqual(expect.arrayContaining(own));
});

test("a refused secret is not in the message", () => {
  expect(refusal({ secretEnv: { "A-KEY": "plain-key", B: ["plain-other"] } })).not.toContain("plain-");
  const offsite = { type: "sftp", host: "", user: 1, privateKey: ["plain-key"], path: "plain-path" };
  expect(refusal({ backup: { offsite } })).not.toContain("plain-");
});

test("all that Letta's processes may open must fit next to a project's and the reserve", () => {
  const sizes = (server: object, maxConnections = 200) => ({ sizes: { server, postgres: { maxConnections } } });
  // 150 is what 200 leaves: 30 for a project, 20 for superusers, provisioning, backup and one psql.
  expect(() => parse(sizes({ poolSize: 65, maxOverflow: 10 }))).not.toThrow();
  expect(refusal(sizes({ poolSize: 65, maxOverflow: 11 }))).toContain(
    "thoth-letta:sizes.postgres.maxConnections: is 200, but Letta alone may open 152 connections " +
      "((workers + 1) x (poolSize + maxOverflow)); raise it to at least 202",
  );
  const proposed = (8 + 1) * 35 + 50;
  expect(() => parse(sizes({ workers: 8 }, proposed))).not.toThrow();
  expect(refusal(sizes({ workers: 8 }, proposed - 1))).toContain(`raise it to at least ${proposed}`);
});

test.each([
  ["Redis, which forks", "redis", { maxMemoryMiB: 301 }, 377, "1.25 x redis.maxMemoryMiB (377 MiB)"],
  ["Postgres, next to its shared buffers", "postgres", { sharedBuffersMiB: 256 }, 512, "2 x postgres.sharedBuffersMiB"],
])("%s, has room, and the proposed number is enough", (_, name, size, enough, problem) => {
  const sizes = (memoryMiB: number) => ({ sizes: { [name]: { ...size, memoryMiB } } });
  expect(refusal(sizes(enough - 1))).toContain(`sizes.${name}.memoryMiB: must be at least ${problem}`);
  expect(() => parse(sizes(enough))).not.toThrow();
});

test("a version that YAML takes for a number is one all the same", () => {
  expect(parse({ postgresVersion: 17 }).postgresVersion).toBe("17");
});
