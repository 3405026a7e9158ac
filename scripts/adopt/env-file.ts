import { readEnvFile } from "../../infra/lib/env-file.ts";
import type { Fate } from "./variables.ts";

const letta = "the thoth stack has Letta's URL and its project's token";
const folders = "the thoth stack has Thoth's folders in its vault";

/** What the thoth stack sets itself, whatever its envFile says. */
const ofStack: Readonly<Record<string, string>> = {
  OBSIDIAN_VAULT_PATH: "thoth-letta:vault is the folder",
  THOTH_VAULTS_ROOT: "thoth-letta:vaults is the folder",
  THOTH_MULTI_USER: "thoth-letta:vaults turns it on",
  DATABASE_URL: "the project has its own database",
  HOME: folders,
  THOTH_SETTINGS_FILE: folders,
  THOTH_DOCKER: "the thoth stack sets it",
  DOCKER_ENV: "the thoth stack sets it",
  THOTH_MCP_URL: "the thoth stack knows its MCP server",
  THOTH_MCP_SERVICE_TOKEN: "the thoth stack generates it",
  ...Object.fromEntries(
    [
      ...["THOTH_LETTA_URL", "LETTA_BASE_URL", "LETTA_URL", "LETTA_SERVER_URL", "THOTH_LETTA_SERVER_URL"],
      ...["LETTA_SERVER_PASSWORD", "LETTA_SERVER_PASS", "LETTA_API_KEY", "LETTA_TOKEN"],
    ].map((name) => [name, letta]),
  ),
};

/** What becomes of each variable of Thoth's `.env`, and in words which of its lines set nothing. @throws UserError when it cannot be read */
export function fatesOfEnvFile(path: string): { fates: Fate[]; ignored: readonly string[] } {
  const { values, ignored } = readEnvFile(path);
  const fates = Object.keys(values)
    .toSorted()
    .map((name): Fate => {
      const why = Object.hasOwn(ofStack, name) ? ofStack[name] : undefined;
      if (why !== undefined) return { name, fate: "not needed", why, isSecret: true };
      return { name, fate: "taken", why: "with envFile", isSecret: true };
    });
  return { fates, ignored };
}
