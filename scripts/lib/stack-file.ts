import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { projectName } from "../../infra/lib/names.ts";
import type { Deps } from "./deps.ts";

/** This project's keys in Pulumi.<stack>.yaml, without the namespace; read without the Pulumi CLI, which may not be there yet. */
export function readConfigFile(deps: Pick<Deps, "projectDirectory">, stack: string): Readonly<Record<string, unknown>> {
  const file = join(deps.projectDirectory, `Pulumi.${stack}.yaml`);
  if (!existsSync(file)) return {};
  const { config } = (parse(readFileSync(file, "utf8")) ?? {}) as { config?: Record<string, unknown> | null };
  const prefix = `${projectName}:`;
  const own = Object.entries(config ?? {}).filter(([key]) => key.startsWith(prefix));
  return Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length), value]));
}
