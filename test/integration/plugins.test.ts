import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { promisify } from "node:util";
import ts from "typescript";
import { describe, expect, it } from "vitest";

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

/**
 * Every property of a resource, nested ones included, as lines such as `ports[].internal: number` or `name?: string`:
 * the form in which an SDK's types and a plugin's schema can be compared.
 */
type ResourceShape = { readonly inputs: readonly string[]; readonly outputs: readonly string[] };

type Members = readonly ts.PropertySignature[];

/** What the declarations of a Pulumi SDK's resource class and its arguments say, e.g. of `Container` in `@pulumi/docker`. */
function shapeFromSdk(sdkFolder: string, className: string): ResourceShape {
  const own = membersIn(path.join(sdkFolder, `${className[0]?.toLowerCase()}${className.slice(1)}.d.ts`));
  const typesOf = (kind: string) => membersIn(path.join(sdkFolder, `types/${kind}.d.ts`));
  const nested = { inputs: typesOf("input"), outputs: typesOf("output") };
  const describe = (prefix: string, members: Members | undefined, marksOptional: boolean): string[] => {
    if (members === undefined) throw new Error(`the SDK of ${className} declares no type for ${prefix}`);
    return members.flatMap(({ name, questionToken, type }) => {
      const at = `${prefix}${name.getText()}${marksOptional && questionToken ? "?" : ""}`;
      // `pulumi.Input<pulumi.Input<inputs.ContainerPort>[] | undefined>` -> `inputs.ContainerPort[]`
      const plain = (type?.getText() ?? "any").replace(/pulumi\.\w+<|>|\s*\|\s*undefined/g, "").replace(/;?\s*}$/, "}");
      const [, kind, reference = "", list] = /^(inputs|outputs)\.(\w+)(\[\])?$/.exec(plain) ?? [];
      if (kind === undefined) return [`${at}: ${plain.replace(/\s+/g, " ")}`];
      return describe(`${at}${list ?? ""}.`, nested[kind as keyof typeof nested].get(reference), marksOptional);
    });
  };
  return {
    inputs: describe("", own.get(`${className}Args`), true).sort(),
    outputs: describe("", own.get(className), false).sort(),
  };
}

/** Class or interface -> its properties; an SDK without nested types has no file of them. */
function membersIn(file: string): Map<string, Members> {
  if (!existsSync(file)) return new Map();
  const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);
  const found = source.statements.filter((node) => ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node));
  const isProperty = (node: ts.Node) => ts.isPropertySignature(node) || ts.isPropertyDeclaration(node);
  return new Map(found.map(({ name, members }) => [name?.text ?? "", [...members].filter(isProperty) as never]));
}

type TypeSpec = { type?: string; $ref?: string; items?: TypeSpec; additionalProperties?: TypeSpec };
type ObjectSpec = { properties?: Record<string, TypeSpec>; required?: string[] };
type ResourceSpec = ObjectSpec & { inputProperties?: Record<string, TypeSpec>; requiredInputs?: string[] };
/** The part of a Pulumi package schema that is compared. */
type PackageSchema = {
  provider?: ResourceSpec;
  resources?: Record<string, ResourceSpec>;
  types?: Record<string, ObjectSpec>;
};

/** What a plugin's schema says of one resource; `token` is e.g. `docker:index/container:Container`. */
function shapeFromSchema(schema: PackageSchema, token: string): ResourceShape {
  const resource = token.startsWith("pulumi:providers:") ? schema.provider : schema.resources?.[token];
  if (!resource) throw new Error(`the plugin's schema has no ${token}`);
  const describe = (prefix: string, { properties = {}, required }: ObjectSpec, marksOptional: boolean): string[] =>
    Object.entries(properties).flatMap(([name, type]) => {
      const at = `${prefix}${name}${marksOptional && !required?.includes(name) ? "?" : ""}`;
      const reference = (type.items ?? type).$ref;
      if (reference === undefined) return [`${at}: ${plainType(type)}`];
      const object = schema.types?.[decodeURIComponent(reference.slice("#/types/".length))];
      if (!object) throw new Error(`the plugin's schema has no type ${reference}`);
      return describe(`${at}${type.items ? "[]" : ""}.`, object, marksOptional);
    });
  const inputs = { properties: resource.inputProperties ?? {}, required: resource.requiredInputs ?? [] };
  return { inputs: describe("", inputs, true).sort(), outputs: describe("", resource, false).sort() };
}

/** A schema's type as TypeScript writes it. */
function plainType({ type = "any", items, additionalProperties }: TypeSpec): string {
  if (items) return `${plainType(items)}[]`;
  if (additionalProperties) return `{ [key: string]: ${plainType(additionalProperties)}}`;
  return type === "integer" ? "number" : type;
}
