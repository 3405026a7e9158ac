/** An operation of an OpenAPI document. */
export interface Operation {
  /** In upper case. */
  readonly method: string;
  /** With its parameters in braces, e.g. `/v1/agents/{agent_id}`. */
  readonly path: string;
  /** Query parameters that it cannot do without. */
  readonly requiredQuery: readonly string[];
  /** A body that it takes; undefined where it takes none. */
  readonly body?: unknown;
  readonly isUpload: boolean;
}

type Schema = Readonly<Record<string, unknown>>;
interface Described {
  readonly parameters?: { in: string; name: string; required?: boolean }[];
  readonly requestBody?: { content: Record<string, { schema: Schema }> };
}

/** As much of an OpenAPI document as is read here. */
export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const methods = ["get", "post", "put", "patch", "delete"];

/** Every operation of a document, each with the least body that fits its schema. */
export function operations({ paths, components }: OpenApi): Operation[] {
  return Object.entries(paths).flatMap(([path, described]) =>
    Object.entries(described)
      .filter(([method]) => methods.includes(method))
      .map(([method, { parameters = [], requestBody }]) => {
        const content = requestBody?.content ?? {};
        const schema = content["application/json"]?.schema;
        const required = parameters.filter((parameter) => parameter.in === "query" && parameter.required === true);
        return {
          method: method.toUpperCase(),
          path,
          requiredQuery: required.map(({ name }) => name),
          isUpload: content["multipart/form-data"] !== undefined,
          ...(schema === undefined ? {} : { body: example(schema, components.schemas) }),
        };
      }),
  );
}

/** The least value that fits a schema. */
function example(schema: Schema, known: Readonly<Record<string, Schema>>): unknown {
  const of = (inner: unknown) => example(inner as Schema, known);
  if (typeof schema.$ref === "string") return of(known[schema.$ref.split("/").at(-1) ?? ""] ?? {});
  if (schema.default !== undefined && schema.default !== null) return schema.default;
  if (schema.const !== undefined) return schema.const;
  if (Array.isArray(schema.enum)) return schema.enum[0];
  const [choice] = (schema.anyOf ?? schema.oneOf ?? schema.allOf ?? []) as Schema[];
  if (choice !== undefined) return of(choice);
  if (schema.type === "array") return schema.minItems === undefined ? [] : [of(schema.items)];
  if (schema.type === "object" || schema.properties !== undefined) {
    const required = (schema.required ?? []) as string[];
    const properties = (schema.properties ?? {}) as Record<string, Schema>;
    return Object.fromEntries(required.map((name) => [name, of(properties[name])]));
  }
  return { string: "x", integer: 1, number: 1, boolean: true }[String(schema.type)] ?? null;
}
