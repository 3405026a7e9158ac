import { mkdirSync, writeFileSync } from "node:fs";
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
}

const data = "/var/lib/postgresql/data";
const inspected = ({ name, image = "other:1", labels = {}, env = [], mounts = {} }: Container) => ({
  Id: `id-of-${name}`,
  Name: `/${name}`,
  Image: `sha256:${name}`,
  State: { Running: true },
  Config: { Image: image, Labels: labels, Env: env },
  Mounts: Object.entries(mounts).map(([from, Destination]) =>
    from.startsWith("/")
      ? { Type: "bind", Source: from, Destination }
      : { Type: "volume", Name: from, Source: `/var/lib/docker/volumes/${from}/_data`, Destination },
  ),
  NetworkSettings: { Networks: {} },
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

  test("is found by its folder alone once the container is gone", async () => {
    const found = find([]);
    const folder = join(process.env.HOME ?? "", ".letta/.persist/pgdata");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "PG_VERSION"), "15\n");
    expect((await found).cluster).toEqual({ volume: folder, image: undefined });
  });
});

describe("upstream's compose files", () => {
  const server = { name: "letta-server", image: "letta/letta:0.16.5", mounts: { "letta-home": "/letta" } };
  const thoth = {
    name: "thoth-api",
    labels: { "com.docker.compose.project.working_dir": "/srv/thoth" },
    mounts: { "/home/me/vault": "/vault" },
  };

  test("are found by their names; Postgres stops last, and Thoth's vault is told", async () => {
    const { cluster, containers, vault } = await find([postgres, server, thoth, { name: "other-postgres" }]);
    expect(cluster).toEqual({ volume: "letta-postgres", image: "pgvector/pgvector:pg15" });
    expect(containers.map(({ name }) => name)).toEqual(["letta-server", "thoth-api", "letta-postgres"]);
    expect(containers[0]?.movedTo).toBe("letta-server-before-adoption");
    expect(vault).toBe("/home/me/vault");
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
    "there are several older installations: letta-postgres, /home/me/.letta/.persist/pgdata",
  );
  const { cluster, containers } = await find([postgres, plain], { volume: "letta-postgres" });
  expect(cluster).toEqual({ volume: "letta-postgres", image: "pgvector/pgvector:pg15" });
  expect(containers.map(({ name }) => name)).toEqual(["letta-postgres"]);
});
