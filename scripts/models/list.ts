import type { Deps } from "../lib/deps.ts";
import { drawTable } from "../lib/format.ts";
import { readLetta, required } from "../lib/stacks.ts";
import { diagnose } from "./cause.ts";
import { type ModelsReport, type ProviderReport, readModels } from "./report.ts";

/** Lists a long catalogue up to here; the rest is counted. */
const most = 12;

/** Asks each model provider what it has, from inside Letta's container. Exit code 0 only if all of them gave something. */
export async function listModels(options: { lettaStack: string; json: boolean }, deps: Deps): Promise<number> {
  const letta = required(await readLetta(deps, options.lettaStack), options.lettaStack, "make letta-start");
  const report = await readModels({ url: letta.urls.server, password: letta.serverPassword }, true);
  const problems = await problemLines(report, letta.network.subnet);
  if (options.json) deps.print(JSON.stringify(report, undefined, 2));
  else for (const line of render(report, problems)) deps.print(line);
  return problems.length === 0 ? 0 : 1;
}

/** A line for each provider that gave nothing: what is wrong, and the fix. */
export async function problemLines({ providers }: ModelsReport, subnet: string): Promise<string[]> {
  return Promise.all(
    providers
      .filter(({ problem }) => problem !== null)
      .map(async (provider) => {
        const { sentence, fix } = await diagnose(provider, subnet);
        return `models: ${provider.name} gives nothing: ${sentence}\n    fix: ${fix}`;
      }),
  );
}

function render(report: ModelsReport, problems: readonly string[]): string[] {
  const { providers } = report;
  if (providers.length === 0) return ["no model provider: see Models in README.md"];
  const rows = providers.map(({ name, kind, url, models, embeddings, problem }) => [
    ...[name, kind, url ?? "-", problem === null || problem.cause === "empty" ? "yes" : "no"],
    ...[String(models.length), String(embeddings.length)],
  ]);
  return [
    ...drawTable(["provider", "kind", "address", "answers", "models", "embeddings"], rows),
    ...providers.flatMap(handleLines),
    "",
    `default for new agents: ${report.default ?? "none, each names its own"}`,
    `default for embeddings: ${report.defaultEmbedding ?? "none, each names its own"}`,
    ...problems,
  ];
}

function handleLines({ models, embeddings }: ProviderReport): string[] {
  const list = (kind: string, handles: readonly string[]) => [
    ...handles.slice(0, most).map((handle) => `  ${kind}  ${handle}`),
    ...(handles.length > most ? [`  ${kind}  and ${handles.length - most} more`] : []),
  ];
  return [...list("model    ", models), ...list("embedding", embeddings)];
}
