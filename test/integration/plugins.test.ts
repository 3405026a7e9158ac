import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import path from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { type PackageSchema, shapeFromSchema, shapeFromSdk } from "../support/property-shapes.ts";

/**
 * The SDKs and the plugins are two packages that must agree: a property that a plugin knows by another name is dropped
 * without a word. This holds for the published plugins and must hold for those that `offline/toolchain` builds.
 */
const packages = [
  { name: "docker", resources: ["Container", "Network", "Volume", "RemoteImage"] },
  { name: "random", resources: ["RandomPassword", "RandomId", "RandomString", "RandomBytes"] },
];

const root = path.resolve(import.meta.dirname, "../..");
const sdkManifest = (name: string) => createRequire(import.meta.url).resolve(`@pulumi/${name}/package.json`);

describe.each(packages)("the $name plugin agrees with @pulumi/$name", async ({ name, resources }) => {
  const sdkFolder = path.dirname(sdkManifest(name));
  const schema = await pluginSchema(name);

  it.each(resources)("on the properties of %s", (className) => {
    const fileName = `${className[0]?.toLowerCase()}${className.slice(1)}`;
    const plugin = shapeFromSchema(schema, `${name}:index/${fileName}:${className}`);
    const sdk = shapeFromSdk(sdkFolder, className);

    expect(sdk.inputs).not.toEqual([]);
    expect(differences(plugin.inputs, sdk.inputs), "inputs").toEqual({ missing: [], extra: [] });
    expect(differences(plugin.outputs, sdk.outputs), "outputs").toEqual({ missing: [], extra: [] });
  });

  it("on the provider's configuration", () => {
    const plugin = shapeFromSchema(schema, `pulumi:providers:${name}`);
    expect(differences(plugin.inputs, shapeFromSdk(sdkFolder, "Provider").inputs)).toEqual({ missing: [], extra: [] });
  });
});

async function pluginSchema(name: string): Promise<PackageSchema> {
  const { version } = await import(sdkManifest(name), { with: { type: "json" } }).then((module) => module.default);
  const environment = { ...process.env, PATH: `${path.join(root, ".tools/bin")}:${process.env.PATH}` };
  const command = ["package", "get-schema", `${name}@${version}`];
  const { stdout } = await promisify(execFile)("pulumi", command, { env: environment, maxBuffer: 64 * 1024 * 1024 });
  return JSON.parse(stdout);
}

/** What the SDK has and the plugin lacks, and the reverse. */
function differences(plugin: readonly string[], sdk: readonly string[]) {
  return {
    missing: sdk.filter((line) => !plugin.includes(line)),
    extra: plugin.filter((line) => !sdk.includes(line)),
  };
}
