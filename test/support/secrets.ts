import { deriveCredentials } from "../../infra/lib/credentials.ts";
import { succeeded, type TestProject } from "./stacks.ts";

/** Every secret text of a stack: what its outputs hide, each generated password, and for a letta stack what derives from them. */
export async function secretsOf(project: TestProject, stack: string): Promise<string[]> {
  const outputs = async (...flags: string[]) => {
    const result = await project.pulumi(["stack", "output", "--json", "--stack", stack, ...flags]);
    return JSON.parse(succeeded(result).stdout) as unknown;
  };
  const [open, hidden, state] = await Promise.all([
    outputs("--show-secrets"),
    outputs(),
    exportedState(project, stack),
  ]);
  return [...new Set([...hiddenTexts(open, hidden), ...Object.values(passwordsIn(state)), ...derivedSecrets(state)])];
}

type Secret = { readonly plaintext: string };
type Resource = { urn: string; type: string; inputs?: unknown; outputs?: { result?: Secret; seeds?: Secret } };
/** A stack's state with the secrets in the open. */
type ExportedState = { readonly deployment: { readonly resources: Resource[] } };

/** A stack's state as `pulumi stack export --show-secrets` writes it. */
export async function exportedState(project: TestProject, stack: string): Promise<ExportedState> {
  const { stdout } = succeeded(await project.pulumi(["stack", "export", "--show-secrets", "--stack", stack]));
  return JSON.parse(stdout) as ExportedState;
}

/** All that a stack has generated: resource name or `owner/generation` -> secret. */
export async function generatedPasswords(project: TestProject, stack: string): Promise<Record<string, string>> {
  const state = await exportedState(project, stack);
  return { ...passwordsIn(state), ...loginSeeds(state) };
}

/** Resource name -> generated password. */
function passwordsIn({ deployment }: ExportedState): Record<string, string> {
  const generated = deployment.resources.filter(({ type }) => type === "random:index/randomPassword:RandomPassword");
  return Object.fromEntries(
    generated.map(({ urn, outputs }) => [urn.split("::").at(-1), JSON.parse(outputs?.result?.plaintext ?? '""')]),
  );
}

/** `owner/generation` -> what those credentials derive from, of a letta stack. */
function loginSeeds(state: ExportedState): Record<string, string> {
  const found = state.deployment.resources.find(({ type }) => type.endsWith(":login-seeds"));
  const seeds = JSON.parse(found?.outputs?.seeds?.plaintext ?? "{}") as Record<string, string>;
  const first = passwordsIn(state)["credentials-seed"] ?? "";
  return Object.fromEntries(Object.entries(seeds).map(([key, seed]) => [key, seed === "" ? first : seed]));
}

/** Everything that the owners of a letta stack log in with. */
function derivedSecrets(state: ExportedState): string[] {
  return Object.entries(loginSeeds(state)).flatMap(([key, seed]) => {
    const [owner = "", generation] = key.split("/");
    const { role: _, ...secrets } = deriveCredentials(seed, owner, Number(generation));
    return [seed, ...Object.values(secrets)];
  });
}

/** A part of an exported state with each secret's value in its place. */
export function inTheOpen(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inTheOpen);
  if (typeof value !== "object" || value === null) return value;
  if ("plaintext" in value) return JSON.parse(String(value.plaintext));
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, inTheOpen(one)]));
}

/** The texts of which the other tree says "[secret]". */
function hiddenTexts(open: unknown, hidden: unknown): string[] {
  if (hidden === "[secret]") return texts(open);
  if (typeof open !== "object" || open === null) return [];
  return Object.entries(open).flatMap(([key, value]) => hiddenTexts(value, (hidden as Record<string, unknown>)[key]));
}

function texts(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(texts) : [];
}
