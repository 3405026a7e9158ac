import { expect, test } from "vitest";
import { deriveCredentials } from "../../../infra/lib/credentials.ts";
import type { RecordedResource } from "../../support/graph.ts";
import { lettaGraph, thothGraph } from "../../support/stack-graphs.ts";

/** Rules that hold for every container of both stacks, and what goes wrong where one does not. */

/** Generated secrets are `plain-` and a name; what is derived from the seed shows nothing of it. */
const derived = ["letta", "thoth", "letta-page"].flatMap((owner) => {
  const { role: _, ...secrets } = deriveCredentials("plain-credentials-seed", owner, 1);
  return Object.values(secrets);
});
const isPlainSecret = new RegExp(["plain-", ...derived].join("|"));
const graphs = {
  letta: await lettaGraph({ secretEnv: { OPENAI_API_KEY: "plain-openai" } }),
  "letta of local images": await lettaGraph({ images: "local" }),
  "letta with a copy of its backups elsewhere": await lettaGraph({
    backup: { offsite: { type: "sftp", host: "nas", user: "u", path: "p", privateKey: "plain-private-key" } },
  }),
  thoth: await thothGraph({ secretEnv: { MISTRAL_API_KEY: "plain-mistral" } }),
  "thoth with a container per role": await thothGraph({ shape: "roles", secretEnv: { KEY: "plain-key" } }),
  "thoth of published images": await thothGraph({ repository: "example.org/thoth", release: "1.2" }),
};
const containers = Object.entries(graphs).flatMap(([stack, graph]) =>
  graph.ofType("docker:index/container:Container").map((resource) => [`${stack}: ${resource.name}`, resource] as const),
);
const stacks = Object.entries(graphs).map(([name, graph]) => [name, graph.resources] as const);

/** The inputs of a container that rules speak of. */
interface ContainerInputs {
  name: string;
  entrypoints: string[];
  uploads: { file: string; content: string; permissions: string }[];
  [other: string]: unknown;
}
const inputsOf = (resource: RecordedResource) => resource.inputs as ContainerInputs;

test("the stacks have the containers that the rules are about", () => {
  expect(containers).toHaveLength(35);
});

test.each(containers)("%s is stopped before it is killed or replaced, and never loses its volumes", (of, resource) => {
  const { destroyGraceSeconds, stopTimeout, removeVolumes } = inputsOf(resource);
  // Published discovery does not notice the signal while it waits, and the trial model has nothing to write.
  const least = /: model-container$|of published images: discovery-container$/.test(of) ? 5 : 15;
  expect(destroyGraceSeconds).toBeGreaterThanOrEqual(least);
  expect(stopTimeout).toBe(destroyGraceSeconds);
  expect(removeVolumes).toBe(false);
  expect(resource.options).toMatchObject({
    deleteBeforeReplace: true,
    // Changes that the provider would ignore.
    replaceOnChanges: expect.arrayContaining(["healthcheck", "tmpfs", "init", "#initerror"]),
    timeouts: { create: "10m", delete: "5m" },
  });
});

test.each(containers)("%s is labelled with its stack's prefix and its own service", (_, resource) => {
  const { labels, name } = inputsOf(resource);
  const [, prefix, service] = /^([a-z]+)-(.*)$/.exec(name) ?? [];
  expect(labels).toEqual([
    { label: "thoth-letta.prefix", value: prefix },
    { label: "thoth-letta.service", value: service },
  ]);
});

test.each(containers)("%s shows no secret to docker inspect", (_, resource) => {
  const { uploads, ...inspected } = inputsOf(resource);
  expect(JSON.stringify(inspected)).not.toMatch(isPlainSecret);
});

test.each(containers)("%s has its secrets in one file only", (_, resource) => {
  const { uploads, entrypoints } = inputsOf(resource);
  const withSecrets = uploads.filter(({ content }) => isPlainSecret.test(content)).map(({ file }) => file);
  if (/redis|gateway|model|page/.test(resource.name)) expect(withSecrets).toEqual([]);
  else if (/backup/.test(resource.name)) expect(withSecrets).toEqual(["/run/thoth-letta/backup.json"]);
  else if (/proxy/.test(resource.name)) expect(withSecrets).toEqual(["/etc/nginx/generated/token.conf"]);
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

test.each(containers)("%s reaches model servers on the host, unless all its networks are internal", (_, resource) => {
  const { networkMode, networksAdvanced, hosts } = inputsOf(resource);
  if (networkMode === "none") expect({ networksAdvanced, hosts }).toEqual({});
  else if (/redis|model/.test(resource.name)) expect(hosts).toEqual([]);
  else expect(hosts).toContainEqual({ host: "host.docker.internal", ip: "host-gateway" });
});

test.each(stacks)("%s stores no secret in plain text", (_, resources) => {
  for (const { type, name, storedInputs } of resources) {
    expect(JSON.stringify(storedInputs), `${type} ${name}`).not.toMatch(isPlainSecret);
  }
});
