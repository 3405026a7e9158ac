import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findInstallation } from "../../../../scripts/adopt/find.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import type { FakeAnswers } from "../../../support/fake-programs.ts";
import { fakeStacks, without } from "../../../support/fake-stacks.ts";
import { temporaryFolder, withEnvironment } from "../../../support/temporary.ts";

interface Container {
  readonly name: string;
  readonly image?: string;
  readonly labels?: Record<string, string>;
  readonly env?: string[];
  /** Volume or folder of the host -> where it is mounted. */
  readonly mounts?: Record<string, string>;
  /** Port of the container -> port of the host, on every address. */
  readonly ports?: Record<string, string>;
  readonly aliases?: string[];
  readonly user?: string;
  readonly command?: string[];
  readonly restart?: string;
}

const data = "/var/lib/postgresql/data";
const inspected = ({ name, image = "other:1", labels = {}, env = [], mounts = {}, ...others }: Container) => ({
  Id: `id-of-${name}`,
  Name: `/${name}`,
  Image: `sha256:${name}`,
  State: { Running: true },
  Config: { Image: image, Labels: labels, Env: env, User: others.user ?? "", Cmd: others.command ?? null },
  HostConfig: {
    RestartPolicy: { Name: others.restart ?? "no" },
    PortBindings: Object.fromEntries(
      Object.entries(others.ports ?? {}).map(([inner, HostPort]) => [`${inner}/tcp`, [{ HostIp: "", HostPort }]]),
    ),
  },
  Mounts: Object.entries(mounts).map(([from, Destination]) =>
    from.startsWith("/")
      ? { Type: "bind", Source: from, Destination }
      : { Type: "volume", Name: from, Source: `/var/lib/docker/volumes/${from}/_data`, Destination },
  ),
  NetworkSettings: { Networks: others.aliases === undefined ? {} : { default: { Aliases: others.aliases } } },
});

/** Looks on an engine that has these containers and no stack of this project. */
function find(containers: readonly Container[], search: { volume?: string } = {}, docker: FakeAnswers = {}) {
  withEnvironment({ HOME: temporaryFolder() });
  fakeStacks({
    docker: {
      ...docker,
      "GET /containers/json": { stdout: JSON.stringify(containers.map(({ name }) => ({ Id: `id-of-${name}` }))) },
      "container inspect": { stdout: JSON.stringify(containers.map(inspected)) },
      "image inspect": { stdout: '["PATH=/bin","POSTGRES_USER=letta"]' },
      "network inspect": { exitCode: 1 },
      "volume inspect": { exitCode: 1 },
    },
    pulumi: without("letta", "thoth"),
  });
  return findInstallation(fakeDeps(), { stack: "letta", thothStack: "thoth", ...search });
}

const postgres = { name: "letta-postgres", image: "pgvector/pgvector:pg15", mounts: { "letta-postgres": data } };
const plain = {
  name: "eager_noether",
  image: "letta/letta:0.16.5",
  env: ["PATH=/bin", "POSTGRES_USER=letta", "OPENAI_API_KEY=sk-1=2"],
  mounts: { "/home/me/.letta/.persist/pgdata": data },
};

describe("a container of Letta's own image with its Postgres inside", () => {
  test("is found whatever it is called, with the variables that its operator gave it", async () => {
    expect(await find([plain, { name: "other" }])).toMatchObject({
      cluster: { volume: "/home/me/.letta/.persist/pgdata", image: "letta/letta:0.16.5" },
      containers: [{ name: "eager_noether", movedTo: "eager_noether" }],
      variables: { OPENAI_API_KEY: "sk-1=2" },
    });
  });

  test("is found by its folder alone once the container is gone; who looks may not see into it", async () => {
    const found = find([]);
    const folder = join(process.env.HOME ?? "", ".letta/.persist/pgdata");
    mkdirSync(folder, { recursive: true });
    expect((await found).cluster).toEqual({ volume: folder, image: undefined });
  });

  test("keeps its port, and does not come back with the engine", async () => {
    const started = { ...plain, ports: { 8283: "9283" }, restart: "always" };
    expect(await find([started])).toMatchObject({
      ports: { server: 9283 },
      isOpen: true,
      containers: [{ startsWithEngine: true }],
    });
  });

  test("with its database elsewhere has an empty volume of its image, and counts with the Postgres that it names", async () => {
    const server = {
      ...{ name: "letta-letta_server-1", image: "letta/letta:latest", mounts: { "0123abcd": data } },
      env: ["LETTA_PG_URI=postgresql://letta:letta@letta-db:5432/letta"],
    };
    const database = {
      name: "letta-letta_db-1",
      mounts: { "/srv/letta/.persist/pgdata": data },
      aliases: ["letta-db"],
    };
    for (const search of [{}, { volume: "/srv/letta/.persist/../.persist/pgdata" }]) {
      const { cluster, containers } = await find([server, database], search);
      expect(cluster.volume).toBe("/srv/letta/.persist/pgdata");
      expect(containers.map(({ name }) => name)).toEqual([server.name, database.name]);
    }
  });
});

describe("upstream's compose files", () => {
  const server = {
    ...{ name: "letta-server", image: "letta/letta:0.16.5", mounts: { "letta-home": "/letta", "0123abcd": data } },
    env: ["LETTA_PG_URI=postgresql://letta:letta@letta-postgres:5432/letta"],
  };
  const thoth = {
    name: "thoth-api",
    image: "registry.example/thoth/api:1.0",
    labels: { "com.docker.compose.project.working_dir": "/srv/thoth" },
    mounts: { "/home/me/vault": "/vault", "/home/me/vaults": "/vaults" },
    ports: { 8000: "8080" },
    user: "1001:1001",
  };
  const mcp = { name: "thoth-mcp", image: "registry.example/thoth/mcp:1.0", ports: { 8000: "8082" } };

  test("are found by their names; Postgres stops last", async () => {
    const { cluster, containers } = await find([postgres, server, thoth, { name: "other-postgres" }]);
    expect(cluster).toEqual({ volume: "letta-postgres", image: "pgvector/pgvector:pg15" });
    expect(containers.map(({ name }) => name)).toEqual(["letta-server", "thoth-api", "letta-postgres"]);
    expect(containers[0]?.movedTo).toBe("letta-server-before-adoption");
  });

  test("tell what Thoth was: vault, user, ports, and images of one release", async () => {
    expect((await find([postgres, server, thoth, mcp])).thoth).toEqual({
      ...{ vault: "/home/me/vault", user: "1001:1001", ports: { api: 8080, mcp: 8082 } },
      ...{ repository: "registry.example/thoth", release: "1.0" },
    });
  });

  test("tell each role's image where they are of no one release, and a further role's command", async () => {
    const dashboard = { name: "thoth-dashboard", image: "built-here", command: ["thoth", "dashboard"] };
    const other = { ...mcp, image: "my-mcp:1" };
    expect((await find([postgres, thoth, other, dashboard])).thoth).toMatchObject({
      roles: {
        api: { image: thoth.image },
        mcp: { image: other.image },
        dashboard: { image: "built-here", command: ["thoth", "dashboard"] },
      },
    });
  });

  test("tell one image that all roles had, in one container or several", async () => {
    const image = "thoth-built-here";
    for (const names of [["thoth-all-in-one"], ["thoth-api", "thoth-mcp", "thoth-discovery", "thoth-monitor"]]) {
      const containers = names.map((name) => ({ ...thoth, name, image, ports: { 8000: "8080", 8001: "8081" } }));
      const { thoth: found } = await find([postgres, ...containers]);
      expect(found).toMatchObject({ image, ports: { api: 8080 } });
      expect(found).not.toHaveProperty("roles");
    }
  });

  test("tell the folder of all vaults in multi-user mode", async () => {
    const { thoth: found } = await find([postgres, { ...thoth, env: ["THOTH_MULTI_USER=true"] }]);
    expect(found?.vaults).toBe("/home/me/vaults");
  });

  test("are found by their volume alone once they are down", async () => {
    const composed = { "volume inspect --format": { stdout: "letta-postgres\n" } };
    expect((await find([], {}, composed)).cluster.volume).toBe("letta-postgres");
  });
});

test("containers of this project are no older installation", async () => {
  const own = { ...postgres, labels: { "thoth-letta.prefix": "letta" } };
  await expect(find([own])).rejects.toThrow("there is no older installation of Letta on this engine");
});

test("of several the operator chooses one", async () => {
  await expect(find([postgres, plain])).rejects.toThrow(
    "letta-postgres (container letta-postgres), /home/me/.letta/.persist/pgdata (container eager_noether)",
  );
  const { cluster, containers } = await find([postgres, plain], { volume: "letta-postgres" });
  expect(cluster).toEqual({ volume: "letta-postgres", image: "pgvector/pgvector:pg15" });
  expect(containers.map(({ name }) => name)).toEqual(["letta-postgres"]);
});
