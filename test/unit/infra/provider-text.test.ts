import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { dynamic } from "@pulumi/pulumi";
import { describe, expect, test } from "vitest";
import { type ProviderInputs, providerText } from "../../../infra/components/provider-resource.ts";
import { temporaryFolder } from "../../support/temporary.ts";

/** What @pulumi/pulumi/cmd/dynamic-provider evaluates a provider's text with. */
const pulumiRequire = createRequire(createRequire(import.meta.url).resolve("@pulumi/pulumi"));
const requireFromString = pulumiRequire("require-from-string") as (text: string) => {
  handler(): dynamic.ResourceProvider;
};

const root = fileURLToPath(new URL("../../..", import.meta.url));
const modules = readdirSync(join(root, "infra/providers")).map((file) => file.replace(/\.ts$/, ""));

function inFolder<Result>(folder: string, work: () => Result): Result {
  const before = process.cwd();
  process.chdir(folder);
  try {
    return work();
  } finally {
    process.chdir(before);
  }
}

test.each(modules)("the text of %s is what it was", (module) => {
  // The text is in the state of every stack that was ever brought up, and is what deletes a resource that the program no
  // longer has. A new text must therefore never be needed: change the module instead. The one thing to change here is
  // the path, never the text.
  const text = `exports.handler = () => {
  const { join, dirname } = require("node:path");
  const { existsSync } = require("node:fs");
  const { pathToFileURL } = require("node:url");
  let root = process.cwd();
  while (!existsSync(join(root, "Pulumi.yaml")) && root !== dirname(root)) root = dirname(root);
  const load = () => import(pathToFileURL(join(root, "infra/providers/${module}.ts")).href);
  const method = (name) => async (...args) => (await load()).default[name](...args);
  return { diff: method("diff"), create: method("create"), update: method("update"), delete: method("delete") };
};`;
  expect(providerText(module as keyof ProviderInputs)).toBe(text);
});

test.each(modules)("%s has every method that the text hands on", async (module) => {
  const { default: provider } = (await import(`../../../infra/providers/${module}.ts`)) as {
    default: dynamic.ResourceProvider;
  };
  for (const method of ["diff", "create", "update", "delete"] as const) {
    expect(provider[method], method).toBeTypeOf("function");
  }
});

describe("evaluated as Pulumi does it", () => {
  test.each([root, join(root, "infra/providers")])("from %s it runs the module of this checkout", async (folder) => {
    // network-clients answers this diff from its arguments alone.
    const provider = inFolder(folder, () => requireFromString(providerText("network-clients")).handler());
    const inputs = { network: "a-network", ownContainers: ["a"] };
    await expect(provider.diff?.("id", inputs, inputs)).resolves.toEqual({ changes: false });
    await expect(provider.diff?.("id", inputs, { ...inputs, network: "other" })).resolves.toEqual({ changes: true });
    await expect(provider.create?.(inputs)).resolves.toEqual({ id: "a-network", outs: inputs });
  });

  test("outside of a checkout it fails, rather than searching forever", async () => {
    const provider = inFolder(temporaryFolder(), () => requireFromString(providerText("network-clients")).handler());
    await expect(provider.create?.({})).rejects.toThrow("Cannot find module '/infra/providers/network-clients.ts'");
  });
});
