import { fingerprint } from "../fingerprint.ts";

/** One project as the gateway knows it. */
export interface GatewayProject {
  readonly name: string;
  /** Bearer tokens of this project alone; two while one replaces the other. */
  readonly tokens: readonly string[];
  /** Id of the Letta user that it acts as. */
  readonly user: string;
}

/** Where nginx.conf includes {@link renderGatewayProjects}. */
export const gatewayProjectsPath = "/run/credentials/projects.conf";

/**
 * The part of nginx' configuration that changes while nginx runs: token -> project -> Letta user, and the password by
 * which Letta knows the gateway.
 */
export function renderGatewayProjects(projects: readonly GatewayProject[], serverPassword: string): string {
  const tokens = projects.flatMap(({ name, tokens }) => tokens.map((token) => `  "${token}" "${name}/${token}";`));
  const users = projects.map(({ name, user }) => `  "${name}" "${user}";`);
  const maps = [
    ...["bearer", "bare"].map((kind) => `map $${kind}_token $known_${kind} {\n  default "";\n${tokens.join("\n")}\n}`),
    `map $project $letta_user {\n  default "";\n${users.join("\n")}\n}`,
    `map "" $letta_authorization {\n  default "Bearer ${serverPassword}";\n}`,
  ].join("\n");
  return `${maps}\nmap "" $projects_version {\n  default "${fingerprint(maps)}";\n}\n`;
}
