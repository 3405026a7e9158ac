import { readFileSync } from "node:fs";
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

/** What the declarations of a Pulumi SDK's resource class and its arguments say, e.g. of `Container` in `@pulumi/docker`. */
export function shapeFromSdk(sdkFolder: string, className: string): ResourceShape {
  const fileName = `${className[0]?.toLowerCase()}${className.slice(1)}.d.ts`;
  const declarations = declarationsIn(path.join(sdkFolder, fileName));
  const describe = typeDescriber(sdkFolder);
  return {
    inputs: describe("", membersOf(declarations, `${className}Args`), { marksOptional: true }),
    outputs: describe("", membersOf(declarations, className), { marksOptional: false }),
  };
}

type PropertyNode = ts.PropertyDeclaration | ts.PropertySignature;
type Declaration = ts.ClassDeclaration | ts.InterfaceDeclaration;
interface DescribeOptions {
  readonly marksOptional: boolean;
}

function declarationsIn(file: string): Map<string, Declaration> {
  const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);
  const found = source.statements.filter((node) => ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node));
  return new Map(found.map((node) => [node.name?.text ?? "", node]));
}

function membersOf(declarations: Map<string, Declaration>, name: string): PropertyNode[] {
  const declaration = declarations.get(name);
  if (!declaration) throw new Error(`The SDK declares no ${name}`);
  const members: readonly (ts.ClassElement | ts.TypeElement)[] = declaration.members;
  return members.filter((member) => ts.isPropertyDeclaration(member) || ts.isPropertySignature(member));
}

function typeDescriber(sdkFolder: string) {
  const nested = new Map<string, Map<string, Declaration>>();

  const nestedMembers = (qualified: ts.QualifiedName): PropertyNode[] => {
    const file = path.join(sdkFolder, "types", `${qualified.left.getText().replace(/s$/, "")}.d.ts`);
    if (!nested.has(file)) nested.set(file, declarationsIn(file));
    return membersOf(nested.get(file) ?? new Map(), qualified.right.text);
  };

  const describeMembers = (prefix: string, members: PropertyNode[], options: DescribeOptions): string[] =>
    members.flatMap((member) => {
      const mark = options.marksOptional && member.questionToken ? "?" : "";
      return describeType(`${prefix}${member.name.getText()}${mark}`, member.type, options);
    });

  const describeType = (at: string, type: ts.TypeNode | undefined, options: DescribeOptions): string[] => {
    if (!type) return [`${at}: any`];
    if (ts.isUnionTypeNode(type)) {
      const [only, ...others] = type.types.filter((part) => part.kind !== ts.SyntaxKind.UndefinedKeyword);
      return others.length === 0 ? describeType(at, only, options) : [`${at}: ${type.getText()}`];
    }
    if (ts.isArrayTypeNode(type)) return describeType(`${at}[]`, type.elementType, options);
    if (ts.isTypeLiteralNode(type)) {
      const index = type.members.find(ts.isIndexSignatureDeclaration);
      return describeType(`${at}{}`, index?.type, options);
    }
    if (!ts.isTypeReferenceNode(type)) return [`${at}: ${type.getText()}`];
    const wrapped = type.typeArguments?.[0];
    if (wrapped) return describeType(at, wrapped, options);
    if (!ts.isQualifiedName(type.typeName)) return [`${at}: ${type.getText()}`];
    return describeMembers(`${at}.`, nestedMembers(type.typeName), options);
  };

  return (prefix: string, members: PropertyNode[], options: DescribeOptions) =>
    describeMembers(prefix, members, options).sort();
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
  if (!resource) throw new Error(`The plugin's schema has no ${token}`);
  const inputs = { properties: resource.inputProperties ?? {}, required: resource.requiredInputs ?? [] };
  return {
    inputs: describeObject(schema, "", inputs, { marksOptional: true }).sort(),
    outputs: describeObject(schema, "", resource, { marksOptional: false }).sort(),
  };
}

function describeObject(schema: PackageSchema, prefix: string, object: ObjectSpec, options: DescribeOptions): string[] {
  return Object.entries(object.properties ?? {}).flatMap(([name, type]) => {
    const mark = options.marksOptional && !object.required?.includes(name) ? "?" : "";
    return describeSpec(schema, `${prefix}${name}${mark}`, type, options);
  });
}

function describeSpec(schema: PackageSchema, at: string, type: TypeSpec, options: DescribeOptions): string[] {
  if (type.items) return describeSpec(schema, `${at}[]`, type.items, options);
  if (type.additionalProperties) return describeSpec(schema, `${at}{}`, type.additionalProperties, options);
  if (type.$ref?.startsWith("#/types/")) {
    const object = schema.types?.[decodeURIComponent(type.$ref.slice("#/types/".length))];
    if (!object) throw new Error(`The plugin's schema has no type ${type.$ref}`);
    return describeObject(schema, `${at}.`, object, options);
  }
  return [`${at}: ${type.type === "integer" ? "number" : (type.type ?? "any")}`];
}
