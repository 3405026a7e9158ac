import { fingerprint } from "../fingerprint.ts";

/** One project as the gateway knows it. */
export interface GatewayProject {
  readonly name: string;
  /** Bearer tokens that are its own; two while it changes from one to the other. */
  readonly tokens: readonly string[];
  /** Id of the Letta user that it acts as. */
  readonly user: string;
}

/** Where the gateway finds {@link renderGatewayProjects}, in its container. */
export const gatewayProjectsPath = "/run/credentials/projects.conf";

/**
 * The part of nginx' config that says who is who, which changes while nginx runs: token -> project -> Letta user, and the
 * password by which Letta knows nginx.
 */
export function renderGatewayProjects(projects: readonly GatewayProject[], serverPassword: string): string {
  const tokens = projects.flatMap(({ name, tokens }) =>
    tokens.map((token) => `  "Bearer ${token}" "${name}/${token}";`),
  );
  const users = projects.map(({ name, user }) => `  "${name}" "${user}";`);
  const maps = [
    `map $http_authorization $known_token {\n  default "";\n${tokens.join("\n")}\n}`,
    `map $project $letta_user {\n  default "";\n${users.join("\n")}\n}`,
    `map "" $letta_authorization {\n  default "Bearer ${serverPassword}";\n}`,
  ].join("\n");
  return `${maps}\nmap "" $projects_version {\n  default "${fingerprint(maps)}";\n}\n`;
}

/**
 * For nginx' http block: `$project` is whom the request comes from, empty for nobody.
 *
 * nginx looks a map's texts up without regard to case, so that the token is compared once more.
 */
export const projectMap = `  include ${gatewayProjectsPath};
  map "$known_token $http_authorization" $project {
    default "";
    "~^(?<known_project>[a-z0-9_-]+)/(?<known>[A-Za-z0-9]+) [Bb][Ee][Aa][Rr][Ee][Rr] \\k<known>$" $known_project;
  }`;
