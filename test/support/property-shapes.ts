import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";

/**
 * Every property of a resource, nested ones included, as lines such as `ports[].internal: number` or `name?: string`:
 * the form in which an SDK's types and a plugin's schema can be compared.
 */
export interface ResourceShape {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

type Members = readonly ts.PropertySignature[];

/** What the declarations of a Pulumi SDK's resource class and its arguments say, e.g. of `Container` in `@pulumi/docker`. */
export function shapeFromSdk(sdkFolder: string, className: string): ResourceShape {
  const own = membersIn(path.join(sdkFolder, `${className[0]?.toLowerCase()}${className.slice(1)}.d.ts`));
  const nested = {
    inputs: membersIn(path.join(sdkFolder, "types/input.d.ts")),
    outputs: membersIn(path.join(sdkFolder, "types/output.d.ts")),
  };
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

interface TypeSpec {
  readonly type?: string;
  readonly $ref?: string;
  readonly items?: TypeSpec;
  readonly additionalProperties?: TypeSpec;
}

interface ObjectSpec {
  readonly properties?: Readonly<Record<string, TypeSpec>>;
  readonly required?: readonly string[];
}

interface ResourceSpec extends ObjectSpec {
  readonly inputProperties?: Readonly<Record<string, TypeSpec>>;
  readonly requiredInputs?: readonly string[];
}

/** The part of a Pulumi package schema that is compared. */
export interface PackageSchema {
  readonly provider?: ResourceSpec;
  readonly resources?: Readonly<Record<string, ResourceSpec>>;
  readonly types?: Readonly<Record<string, ObjectSpec>>;
}

/** What a plugin's schema says of one resource; `token` is e.g. `docker:index/container:Container`. */
export function shapeFromSchema(schema: PackageSchema, token: string): ResourceShape {
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
