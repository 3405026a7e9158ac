import { splitFix, UserError } from "../../../infra/lib/errors.ts";
import type { Deps } from "../deps.ts";

/** A resource before or after an update, as far as commands read it. */
export interface PreviewedResource {
  readonly type: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
  /** When it was last changed, ISO 8601. */
  readonly modified?: string;
  /** True where a deletion leaves it on the engine. */
  readonly retainOnDelete?: boolean;
}

/** A step of `pulumi preview --json`. */
export interface PreviewStep {
  readonly op: string;
  readonly urn: string;
  readonly oldState?: PreviewedResource;
  readonly newState?: PreviewedResource;
  /** Names of the properties that differ. */
  readonly diffReasons?: readonly string[];
}

interface PreviewOutput {
  readonly steps?: readonly PreviewStep[];
  readonly diagnostics?: readonly { readonly severity: string; readonly message: string }[];
}

/** Operations that change nothing: a thoth stack reads its letta stack's outputs. */
const unchanging = ["same", "read"];

/** The steps of an update that would change something. @throws UserError with what Pulumi says when the preview fails */
export async function previewStack(deps: Pick<Deps, "$">, stack: string): Promise<PreviewStep[]> {
  const { exitCode, stdout, stderr } = await deps.$({ nothrow: true })`pulumi preview --json --stack ${stack}`;
  const { steps = [], diagnostics = [] } = parsed(stdout);
  if (exitCode === 0) return steps.filter(({ op }) => !unchanging.includes(op));
  const said = diagnostics.find(({ severity }) => severity === "error")?.message ?? (stdout || stderr);
  const { problem, fix = `pulumi preview --stack ${stack}` } = splitFix(said.trim());
  const lines = problem
    .replace(/^error: /, "")
    .split("\n")
    .slice(0, 4)
    .join("\n");
  throw new UserError(`a preview of stack ${stack} fails: ${lines}`, fix);
}

/** The last part of a resource's URN. */
export const resourceName = (urn: string) => urn.split("::").at(-1) ?? urn;

function parsed(text: string): PreviewOutput {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
