import { execFile } from "node:child_process";
import type { TestProject } from "./stacks.ts";

/** Where what is typed runs, and what is put into it. */
export interface TypedOptions {
  /** Default: the pair's folder. */
  readonly folder?: string;
  /** Standard input of all of it; default: empty. */
  readonly input?: string;
  /** In addition to the pair's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs text in a pair's environment. @returns what it prints @throws with that when it ends badly */
export function typed(
  stacks: TestProject,
  text: string,
  { folder: cwd = stacks.folder, input = "", env }: TypedOptions = {},
): Promise<string> {
  const args = ["--norc", "-eo", "pipefail", "-c", text];
  return new Promise((resolve, reject) => {
    // A log may be long.
    const options = { cwd, env: stacks.environment(env), maxBuffer: 256 * 1024 * 1024 };
    const child = execFile("bash", args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${text} ended with ${error.code}:\n${stdout}${stderr}`));
    });
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
  });
}

/** What puts this pair's names, stacks and addresses in place of those that stacks have by default. */
export async function namesOfPair(stacks: TestProject): Promise<(text: string) => string> {
  const [{ urls }, thoth] = [await stacks.lettaOutputs(), await stacks.thothOutputs()];
  const ports = { "8283": urls.server, "8284": urls.gateway, "8080": thoth.urls.api };
  const addresses = Object.entries(ports).map(
    ([port, url]) => [new RegExp(`http://(?:localhost|127\\.0\\.0\\.1):${port}\\b`, "g"), url] as const,
  );
  const replacements = [
    ...addresses,
    [/\b(letta|thoth)-(?=postgres|server|redis|nginx|network|all-in-one)/g, `$1-t${stacks.suffix}-`],
    [/(?<=-s |STACK=|organization\/thoth-letta\/)(letta|thoth)\b(?!-)/g, `$1-t${stacks.suffix}`],
    // A stack's name is that of its container.
    [/(?<=pulumi stack init )(?=\w)/g, `${stacks.letta}-`],
  ] as const;
  return (text) => replacements.reduce((all, [usual, own]) => all.replaceAll(usual, own), text);
}
