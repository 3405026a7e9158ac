import { expect, test } from "vitest";
import type { RecordedResource } from "../../support/graph.ts";
import { lettaGraph, thothGraph } from "../../support/stack-graphs.ts";

/** Rules that hold for every container of both stacks, and what goes wrong where one does not. */

const isPlainSecret = /plain-/;
const graphs = {
  letta: await lettaGraph({ secretEnv: { OPENAI_API_KEY: "plain-openai" } }),
  "letta of local images": await lettaGraph({ images: "local" }),
  "letta with a copy of its backups elsewhere": await lettaGraph({
    backup: { offsite: { type: "sftp", host: "nas", user: "u", path: "p", privateKey: "plain-private-key" } },
  }),
  thoth: await thothGraph({ secretEnv: { MISTRAL_API_KEY: "plain-mistral" } }),
  "thoth of published images": await thothGraph({ repository: "example.org/thoth", release: "1.2" }),
};
const containers = Object.entries(graphs).flatMap(([stack, graph]) =>
  graph.ofType("docker:index/container:Container").map((resource) => [`${stack}: ${resource.name}`, resource] as const),
);
const stacks = Object.entries(graphs).map(([name, graph]) => [name, graph.resources] as const);

/** The inputs of a container that rules speak of. */
interface ContainerInputs {
  name: string;
  image: string;
  envs: string[];
  command: string[];
  entrypoints: string[];
  labels: { label: string; value: string }[];
  ports: { ip: string }[];
  uploads: { file: string; content: string; permissions: string }[];
  healthcheck: { tests: string[]; interval: string; timeout: string; startPeriod: string; retries: number };
  [other: string]: unknown;
}
const inputsOf = (resource: RecordedResource) => resource.inputs as ContainerInputs;

test("there are the containers that the rules are about", () => {
  expect(containers).toHaveLength(26);
});

test.each(containers)("%s is stopped before it is killed, and never loses its volumes", (_, resource) => {
  const { destroyGraceSeconds, stopTimeout, removeVolumes } = inputsOf(resource);
  expect(destroyGraceSeconds).toBeGreaterThanOrEqual(15);
  expect(stopTimeout).toBe(destroyGraceSeconds);
  expect(removeVolumes).toBe(false);
});

test.each(containers)(
  "%s goes before its successor comes, also for changes the provider would ignore",
  (_, resource) => {
    expect(resource.options).toMatchObject({
      deleteBeforeReplace: true,
      replaceOnChanges: expect.arrayContaining(["healthcheck", "tmpfs", "init", "#initerror"]),
      timeouts: { create: "10m", delete: "5m" },
    });
  },
);

test.each(containers)(
  "%s can neither swap nor fill the disk with its log, and comes back after a crash",
  (_, resource) => {
    const inputs = inputsOf(resource);
    expect(inputs.memory).toBeGreaterThan(0);
    expect(inputs.memorySwap).toBe(inputs.memory);
    expect(inputs).toMatchObject({ logDriver: "json-file", logOpts: { "max-size": "10m", "max-file": "3" } });
    expect(inputs.restart).toBe("unless-stopped");
  },
);

test.each(containers)("%s has a health check whose durations read back as they were written", (_, resource) => {
  const { healthcheck } = inputsOf(resource);
  expect(["CMD", "CMD-SHELL"]).toContain(healthcheck.tests[0]);
  // As Go prints a duration: "60s" would come back as "1m0s", and replace the container on every run.
  const goForm = /^(?:\d+h[0-5]?\dm)?(?:[1-5]?\dm)?[0-5]?\ds$/;
  for (const duration of [healthcheck.interval, healthcheck.timeout, healthcheck.startPeriod]) {
    expect(duration).toMatch(goForm);
  }
  expect(healthcheck.retries).toBe(3);
});

test.each(containers)("%s listens on loopback alone", (_, resource) => {
  for (const port of inputsOf(resource).ports) expect(port.ip).toBe("127.0.0.1");
  expect([undefined, "none"]).toContain(inputsOf(resource).networkMode);
});

test.each(containers)("%s is labelled with its stack's prefix and its own service", (_, resource) => {
  const { labels, name } = inputsOf(resource);
  const [prefix, service] = name.split("-");
  expect(labels).toEqual([
    { label: "thoth-letta.prefix", value: prefix },
    { label: "thoth-letta.service", value: service },
  ]);
});

test.each(containers)("%s shows no secret to docker inspect", (_, resource) => {
  const { uploads, ...inspected } = inputsOf(resource);
  expect(JSON.stringify(inspected)).not.toMatch(isPlainSecret);
});

test.each(containers)("%s has its secrets in one file alone", (_, resource) => {
  const { uploads, entrypoints } = inputsOf(resource);
  const withSecrets = uploads.filter(({ content }) => isPlainSecret.test(content)).map(({ file }) => file);
  if (/redis|nginx/.test(resource.name)) expect(withSecrets).toEqual([]);
  else if (/backup/.test(resource.name)) expect(withSecrets).toEqual(["/run/thoth-letta/backup.json"]);
  else {
    expect(withSecrets).toEqual(["/run/thoth-letta/secrets.env"]);
    // The wrapper that reads the file is all that comes before the command.
    expect(entrypoints).toEqual(["/bin/sh", "/run/thoth-letta/with-secrets.sh"]);
    expect(uploads.map(({ file }) => file)).toContain("/run/thoth-letta/with-secrets.sh");
  }
});

test.each(containers)("%s keeps files from the container's other users", (_, resource) => {
  const { uploads, user } = inputsOf(resource);
  for (const { file, permissions } of uploads) {
    // An upload belongs to root, so a container that runs as one other user alone must be able to read it.
    const isRootOnly = /secrets\.env$|backup\.json$/.test(file) && user === undefined;
    expect(permissions, file).toBe(isRootOnly ? "0400" : "0444");
  }
});

// But for published images of Thoth, whose release the operator names.
const pinned = containers.filter(([name]) => !name.startsWith("thoth of published"));
test.each(pinned)("%s runs an image that cannot change under its name", (_, resource) => {
  expect(inputsOf(resource).image).toMatch(/@sha256:[0-9a-f]{64}$|^thoth-letta\/[a-z-]+:[^:]+-[0-9a-f]{12}$/);
});

test.each(containers)("%s reaches model servers on the host, unless it is on no network at all", (_, resource) => {
  const { networkMode, networksAdvanced, hosts } = inputsOf(resource);
  if (networkMode === "none") expect({ networksAdvanced, hosts }).toEqual({});
  else expect(hosts).toEqual([{ host: "host.docker.internal", ip: "host-gateway" }]);
});

test.each(stacks)("%s stores no secret in the open", (_, resources) => {
  for (const { type, name, storedInputs } of resources) {
    expect(JSON.stringify(storedInputs), `${type} ${name}`).not.toMatch(isPlainSecret);
  }
});

test.each(stacks)("%s gives every container a name of its own", (_, resources) => {
  const names = resources.filter(({ type }) => type.endsWith(":Container")).map(({ inputs }) => inputs.name);
  expect(new Set(names).size).toBe(names.length);
});

test("an address other than loopback is published when the config asks for it", async () => {
  const { resource } = await thothGraph({ bindAddress: "0.0.0.0" });
  expect(inputsOf(resource("api-container")).ports).toEqual([{ internal: 8000, external: 8080, ip: "0.0.0.0" }]);
});
