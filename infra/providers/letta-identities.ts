import { convergingProvider, haveSame } from "../lib/converging-provider.ts";
import { defaultUser, ensureUsers, listUsers } from "../lib/letta/identities.ts";

/** Inputs of the LettaIdentities resource. */
export interface LettaIdentitiesInputs {
  /** The Letta server, not the gateway, as this host reaches it. */
  readonly url: string;
  /** The server password. */
  readonly password: string;
  readonly projects: string[];
  /** The project that acts as Letta's default user. */
  readonly defaultProject: string;
}

/** Project -> id of its Letta user. */
export interface LettaIdentitiesOutputs {
  readonly users: Record<string, string>;
}

/**
 * A Letta user for each project, each in its own organization. One resource for all, so that an update without changes asks
 * once.
 *
 * A removed project's user and agents stay, and it finds them when it is added again.
 */
const provider = convergingProvider<LettaIdentitiesInputs, LettaIdentitiesOutputs>({
  id: () => "letta-identities",
  isCurrent: async (olds, news) =>
    haveSame(olds, news, ["projects", "defaultProject"]) && (await areThere(Object.values(olds.users), news)),
  ensure: identify,
});
export default provider;

/** Checked every time: Letta 0.16.8 treats an unknown user, say after a restore, as the default one. */
async function areThere(users: readonly string[], endpoint: LettaIdentitiesInputs): Promise<boolean> {
  try {
    const known = new Set((await listUsers(endpoint)).map(({ id }) => id));
    return users.every((id) => known.has(id));
  } catch {
    return false;
  }
}

async function identify({
  projects,
  defaultProject,
  ...endpoint
}: LettaIdentitiesInputs): Promise<LettaIdentitiesOutputs> {
  const others = projects.filter((project) => project !== defaultProject);
  const found = await ensureUsers(endpoint, others);
  const userOf = (project: string) => (project === defaultProject ? defaultUser : (found[project] as string));
  return { users: Object.fromEntries(projects.map((project) => [project, userOf(project)])) };
}
