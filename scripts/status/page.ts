import { existsSync } from "node:fs";
import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "../lib/deps.ts";
import { readLetta, required } from "../lib/stacks.ts";

export interface PageOptions {
  readonly lettaStack: string;
  /** Prints the token that opens the page. */
  readonly showSecrets: boolean;
}

/** Prints where the status page is, or opens it in a browser where there is a display. @throws UserError when there is none */
export async function showPage({ lettaStack, showSecrets }: PageOptions, deps: Deps): Promise<number> {
  const { pageToken, urls } = required(await readLetta(deps, lettaStack), lettaStack, "make letta-start");
  if (pageToken === undefined) {
    throw new UserError(
      `stack ${lettaStack} has no status page: thoth-letta:page.enabled is false, or an older version brought it up`,
      "make letta-start",
    );
  }
  const url = `${urls.gateway}/status`;
  deps.print(url);
  if (showSecrets) deps.printSecret(pageToken);
  else deps.print("its token: make status-page SHOW=1");
  const opener = browserOpener(process.platform, process.env, existsSync);
  if (opener !== undefined && deps.isTerminal) await deps.$({ nothrow: true, timeout: "5s" })`${opener} ${url}`;
  return 0;
}

/** The program that opens a page in the user's browser; undefined where nobody would see it. */
export function browserOpener(
  platform: NodeJS.Platform,
  { DISPLAY, WAYLAND_DISPLAY, SSH_CONNECTION }: NodeJS.ProcessEnv,
  exists: (path: string) => boolean,
): string | undefined {
  if (platform === "darwin") return SSH_CONNECTION === undefined ? "open" : undefined;
  if ((DISPLAY ?? WAYLAND_DISPLAY ?? "") === "") return undefined;
  return ["/usr/bin/xdg-open", "/usr/local/bin/xdg-open"].find(exists);
}
