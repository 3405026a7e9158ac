import { z } from "zod";

/** What an entry of a kind takes, and for Letta's own kinds the variable that each goes to. */
interface Kind {
  readonly needs: readonly Field[];
  readonly may?: readonly Field[];
  /** Letta reads its own kinds from the environment, one provider a kind; your own server goes to the launcher. */
  readonly variables?: Readonly<Partial<Record<Field, string>>>;
}

type Field = "url" | "key" | "contextWindow" | "accessKey" | "region" | "apiVersion";

const hosted = (variable: string): Kind => ({ needs: ["key"], variables: { key: variable } });
const server: Kind = { needs: ["url"], may: ["key", "contextWindow"] };

/** Kinds of model providers; names of variables as in letta/settings.py at 0.16.8. */
const kinds = {
  openai: hosted("OPENAI_API_KEY"),
  anthropic: hosted("ANTHROPIC_API_KEY"),
  google: hosted("GEMINI_API_KEY"),
  openrouter: hosted("OPENROUTER_API_KEY"),
  groq: hosted("GROQ_API_KEY"),
  deepseek: hosted("DEEPSEEK_API_KEY"),
  together: hosted("TOGETHER_API_KEY"),
  xai: hosted("XAI_API_KEY"),
  minimax: hosted("MINIMAX_API_KEY"),
  baseten: hosted("BASETEN_API_KEY"),
  zai: hosted("ZAI_API_KEY"),
  azure: {
    needs: ["url", "key"],
    may: ["apiVersion"],
    variables: { url: "AZURE_BASE_URL", key: "AZURE_API_KEY", apiVersion: "AZURE_API_VERSION" },
  },
  bedrock: {
    needs: ["accessKey", "key", "region"],
    variables: { accessKey: "AWS_ACCESS_KEY_ID", key: "AWS_SECRET_ACCESS_KEY", region: "AWS_DEFAULT_REGION" },
  },
  ollama: server,
  lmstudio: server,
  vllm: server,
  "openai-compatible": server,
} satisfies Readonly<Record<string, Kind>>;

type KindName = keyof typeof kinds;
const kindNames = Object.keys(kinds) as [KindName, ...KindName[]];
const kindOf = (name: KindName): Kind => kinds[name];

const addressSchema = z
  .url({ protocol: /^https?$/, error: "must be an address such as http://host.docker.internal:11434" })
  .refine(
    (url) => !/^(localhost|127\.[\d.]+|0\.0\.0\.0|\[::1?\])$/.test(new URL(url).hostname),
    "would be the Letta container itself: this host is host.docker.internal there",
  );

const providerSchema = z.strictObject({
  /** Default: the entry's name. */
  kind: z.enum(kindNames, `must be one of ${kindNames.join(", ")}`).optional(),
  url: addressSchema.optional(),
  /** Set it with `--secret`. */
  key: z.string().min(1).optional(),
  /** Tokens; the model's own length counts where it is shorter. */
  contextWindow: z.int().min(2048).optional(),
  accessKey: z.string().min(1).optional(),
  region: z.string().min(1).optional(),
  apiVersion: z.string().min(1).optional(),
});
type Entry = z.output<typeof providerSchema>;

/** A model provider, complete. */
export type ModelProvider = Omit<Entry, "kind"> & { readonly kind: KindName };

const handleSchema = z
  .string()
  .regex(/^[^/\s]+\/\S+$/, 'must be a handle such as "ollama/qwen3:8b": make models lists them');

/** Where Letta's models come from: an entry a provider, by its name, and `trial`, `default` and `defaultEmbedding`. */
export const modelsSchema = z
  .object({
    /** The small model on this machine: `auto` is on while there is no other provider. */
    trial: z.enum(["auto", "on", "off"], 'must be "auto", "on" or "off"').default("auto"),
    /** Handle of the model of agents that name none. Default: the trial's while it is on, else none. */
    default: handleSchema.optional(),
    defaultEmbedding: handleSchema.optional(),
  })
  .catchall(providerSchema)
  .superRefine(refuseIncomplete)
  .transform(({ trial, default: model, defaultEmbedding, ...entries }) => ({
    trial,
    default: model,
    defaultEmbedding,
    providers: Object.fromEntries(
      Object.entries(entries as Record<string, Entry>).map(([name, entry]) => [name, complete(name, entry)]),
    ),
  }));

function complete(name: string, { kind, ...entry }: Entry): ModelProvider {
  return { ...entry, kind: kind ?? (name as KindName) };
}

function refuseIncomplete(models: Record<string, unknown>, context: z.RefinementCtx): void {
  const { trial: _, default: __, defaultEmbedding: ___, ...entries } = models;
  for (const [name, entry] of Object.entries(entries as Record<string, Entry>)) {
    for (const { path, message } of mistakesOf(name, entry)) {
      context.addIssue({ code: "custom", path: [name, ...path], message });
    }
  }
}

function mistakesOf(name: string, entry: Entry): { path: Field[] | ["kind"]; message: string }[] {
  const isKind = (text: string): text is KindName => text in kinds;
  const kind = entry.kind ?? name;
  if (!isKind(kind)) return [{ path: ["kind"], message: `must say which kind "${name}" is: ${kindNames.join(", ")}` }];
  const { needs, may = [], variables } = kindOf(kind);
  if (
    name !== kind &&
    (variables !== undefined || isKind(name) || !/^[a-z][a-z0-9-]{0,30}$/.test(name) || name === "letta")
  ) {
    const why =
      variables === undefined ? "another name: a-z, 0-9 and -" : `the name ${kind}: Letta has one of this kind`;
    return [{ path: ["kind"], message: `is ${kind}, so the entry needs ${why}` }];
  }
  const given = (Object.keys(entry) as (Field | "kind")[]).filter((field) => field !== "kind");
  return [
    ...needs
      .filter((field) => !given.includes(field))
      .map((field) => ({ path: [field], message: `is needed by ${kind}` })),
    ...given
      .filter((field) => ![...needs, ...may].includes(field))
      .map((field) => ({
        path: [field],
        message: `means nothing to ${kind}, which takes ${[...needs, ...may].join(", ")}`,
      })),
  ];
}

/** Variables by which Letta finds providers that are not in `models`. */
const otherVariables = [
  "OLLAMA_BASE_URL",
  "VLLM_API_BASE",
  "SGLANG_API_BASE",
  "LMSTUDIO_BASE_URL",
  "GOOGLE_CLOUD_PROJECT",
];

/** Letta's variables that name a provider. */
const providerVariables: readonly string[] = [
  ...kindNames.flatMap((name) => Object.values(kindOf(name).variables ?? {})),
  ...otherVariables,
];

/** The variables of a provider of Letta's own kinds: name -> value; undefined for a server. */
export function variablesOf(provider: ModelProvider): Record<string, string> | undefined {
  const { variables } = kindOf(provider.kind);
  if (variables === undefined) return undefined;
  const entries = Object.entries(variables).map(([field, variable]) => [variable, provider[field as Field]] as const);
  return Object.fromEntries(
    entries.flatMap(([variable, value]) => (value === undefined ? [] : [[variable, String(value)]])),
  );
}

/** What decides whether the trial model runs, as `LettaConfig` has it. */
interface Providers {
  readonly models: { readonly trial: string; readonly providers: object };
  readonly env: object;
  readonly secretEnv: object;
}

/** Whether the stack runs the trial model: with `auto`, while the config names no provider, in whichever way. */
export function runsTrialModel({ models, env, secretEnv }: Providers): boolean {
  if (models.trial !== "auto") return models.trial === "on";
  const hasVariable = providerVariables.some((variable) => variable in env || variable in secretEnv);
  return !hasVariable && Object.keys(models.providers).length === 0;
}

/** The same of a config file as it is: secrets are encrypted there, and mistakes not refused yet. */
export function wouldRunTrialModel(raw: { models?: unknown; env?: unknown; secretEnv?: unknown }): boolean {
  const object = (value: unknown): object => (typeof value === "object" && value !== null ? value : {});
  const {
    trial = "auto",
    default: _,
    defaultEmbedding: __,
    ...providers
  } = object(raw.models) as { trial?: string } & Record<string, unknown>;
  return runsTrialModel({ models: { trial, providers }, env: object(raw.env), secretEnv: object(raw.secretEnv) });
}
