import { deriveCredentials } from "../../infra/lib/credentials.ts";
import { succeeded, type TestProject } from "./stacks.ts";

/** Every secret text of a stack: what its outputs hide, and each generated password. */
export async function secretsOf(project: TestProject, stack: string): Promise<string[]> {
  const outputs = async (...flags: string[]) => {
    const result = await project.pulumi(["stack", "output", "--json", "--stack", stack, ...flags]);
    return JSON.parse(succeeded(result).stdout) as Record<string, unknown>;
  };
  const [open, hidden] = await Promise.all([outputs("--show-secrets"), outputs()]);
  const secretOutputs = Object.keys(open).filter((key) => JSON.stringify(hidden[key]).includes("[secret]"));
  const passwords = await generatedPasswords(project, stack);
  return [...new Set([...secretOutputs.flatMap((key) => texts(open[key])), ...Object.values(passwords)])];
}

/** Resource name -> generated password. */
export async function generatedPasswords(project: TestProject, stack: string): Promise<Record<string, string>> {
  const { stdout } = succeeded(await project.pulumi(["stack", "export", "--show-secrets", "--stack", stack]));
  const { deployment } = JSON.parse(stdout) as {
    deployment: { resources: { urn: string; type: string; outputs?: { result?: { plaintext: string } } }[] };
  };
  const generated = deployment.resources.filter(({ type }) => type === "random:index/randomPassword:RandomPassword");
  return Object.fromEntries(
    generated.map(({ urn, outputs }) => [urn.split("::").at(-1), JSON.parse(outputs?.result?.plaintext ?? '""')]),
  );
}

function texts(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(texts) : [];
}

/** Whatever follows from a letta stack's seed for these owners and generations. */
export async function derivedSecrets(
  project: TestProject,
  owners: readonly string[],
  generations: readonly number[],
): Promise<string[]> {
  const seed = (await generatedPasswords(project, project.letta))["credentials-seed"] ?? "";
  const ofGeneration = (owner: string) => (generation: number) => {
    const { role: _, ...secrets } = deriveCredentials(seed, owner, generation);
    return Object.values(secrets);
  };
  return owners.flatMap((owner) => generations.flatMap(ofGeneration(owner)));
}
