import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { parseLettaConfig } from "../../infra/config/letta.ts";
import type { RawConfig } from "../../infra/config/read.ts";
import { parseThothConfig } from "../../infra/config/thoth.ts";
import type { LettaExports, ThothExports } from "../../infra/stacks/outputs.ts";
import * as fake from "./fake-stacks.ts";
import { type Graph, recordGraph } from "./graph.ts";

const digest = `sha256:${"0".repeat(64)}`;

/** What {@link lettaGraph} and {@link thothGraph} find in their checkout. */
const checkout = {
  "images.lock.json": {
    ...Object.fromEntries(
      ["postgres", "redis", "nginx", "letta"].map((key) => [key, { name: `registry/${key}`, tag: "1.0", digest }]),
    ),
    "letta@0.9": { name: "registry/letta", tag: "0.9", digest },
    "postgres@17.1": { name: "registry/postgres", tag: "17.1", digest },
  },
  ".state/images.local.json": Object.fromEntries(
    [
      ...["postgres", "redis", "nginx", "letta", "thoth", "backup", "postgres-archiving", "model", "page"],
      ...["backup@17.1", "postgres-archiving@17.1"],
    ].map((key) => [key, `thoth-letta/${key.replace("@", "-")}:1-0123456789ab`]),
  ),
};

const { healthUrls, internalUrls, ...running } = fake.lettaOutputs;

/** What the letta stack exports, as another stack reads it. */
export const lettaOutputs = {
  ...{
    contractVersion: running.contractVersion,
    images: running.images,
    nginxImage: running.nginxImage,
    schemaVersion: "revision-1",
  },
  urls: { server: "http://127.0.0.1:8283", gateway: "http://127.0.0.1:8284" },
  ...{ healthUrls, internalUrls, volumes: running.volumes, containers: running.containers },
  network: { ...running.network, id: "letta-network-id" },
  projects: {
    thoth: {
      user: "user-00000000-0000-4000-8000-000000000000",
      generation: 1,
      token: "plain-token-of-thoth",
      databaseUrl: "postgresql://thoth:plain-database-thoth-password@letta-postgres:5432/thoth",
      hostDatabaseUrl: "postgresql://thoth:plain-database-thoth-password@127.0.0.1:5432/thoth",
      encryptionKey: "plain-database-thoth-key",
    },
  },
  serverPassword: "plain-server-password",
};

/** The letta stack with the given config, recorded. */
export function lettaGraph(raw: RawConfig = {}, { isPreview = false } = {}): Promise<Graph<LettaExports>> {
  return inCheckout("letta", isPreview, async (root) => {
    const { lettaStack } = await import("../../infra/stacks/letta.ts");
    return lettaStack(parseLettaConfig(raw, "letta"), root);
  });
}

/** The thoth stack with the given config on a letta stack with {@link lettaOutputs}, recorded. */
export function thothGraph(raw: RawConfig = {}, isPreview = false): Promise<Graph<ThothExports>> {
  return inCheckout("thoth", isPreview, async (root) => {
    const { interpretLettaOutputs } = await import("../../infra/stacks/outputs.ts");
    const { thothStack } = await import("../../infra/stacks/thoth.ts");
    const reference = interpretLettaOutputs(lettaOutputs, "letta", "thoth");
    return thothStack(parseThothConfig({ user: "1000:1000", ...raw }, "thoth", root), reference, root);
  });
}

async function inCheckout<Exports>(stack: string, isPreview: boolean, program: (root: string) => Promise<Exports>) {
  const root = mkdtempSync(join(tmpdir(), "thoth-letta-test-"));
  try {
    for (const [path, content] of Object.entries(checkout)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), JSON.stringify(content));
    }
    return await recordGraph(() => program(root), { stack, isPreview });
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** What is registered: type -> the names of its resources, sorted. */
export function inventory({ resources }: Graph<unknown>): Record<string, string> {
  const ofEach = Object.groupBy(resources, ({ type }) => type);
  return Object.fromEntries(
    Object.entries(ofEach).map(([type, ones = []]) => [
      type,
      ones
        .map(({ name }) => name)
        .sort()
        .join(" "),
    ]),
  );
}

/** The value of an output, which Pulumi offers to tests only by way of `apply`. */
export function resolved<Value>(output: pulumi.Input<Value>): Promise<pulumi.Unwrap<Value>> {
  return new Promise((resolve) => pulumi.output(output).apply(resolve));
}

/** The text of a container's uploaded file, whose path ends like this; undefined when it has none. */
export function uploaded({ resource }: Graph<unknown>, container: string, ending: string): string | undefined {
  const { uploads } = resource(`${container}-container`).inputs as { uploads: { file: string; content: string }[] };
  return uploads.find(({ file }) => file.endsWith(ending))?.content;
}
