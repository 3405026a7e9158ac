import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { docker } from "../../infra/lib/docker/engine.ts";
import { root } from "../../scripts/lib/checkout.ts";

const program = "github.com/docker/compose/v2/cmd";
const version = "v2.35.1";
const configFolder = join(root, ".tools/docker");
const plugin = join(configFolder, "cli-plugins/docker-compose");

/** The environment in which `docker compose` works. Where this machine lacks it, it is built, once, which takes minutes. */
export async function composeEnvironment(): Promise<Record<string, string>> {
  if ((await docker(["compose", "version"])).exitCode === 0) return {};
  if (!existsSync(plugin)) await build();
  return { DOCKER_CONFIG: configFolder };
}

/** In a module made for it: the plugin's own excludes versions, which `go install` refuses. */
async function build(): Promise<void> {
  const cwd = mkdtempSync(join(tmpdir(), "thoth-letta-compose-"));
  const go = (...args: string[]) => promisify(execFile)("go", args, { cwd });
  try {
    await go("mod", "init", "compose");
    await go("get", "-tool", `${program}@${version}`);
    await go("build", "-o", plugin, program);
  } finally {
    rmSync(cwd, { recursive: true });
  }
}
