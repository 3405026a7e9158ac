import { type LettaEndpoint, lettaJson } from "./api.ts";

/** Letta's default user, who owns everything that is older than the projects' users. */
export const defaultUser = "user-00000000-0000-4000-8000-000000000000";

interface Organization {
  readonly id: string;
  readonly name: string;
}

interface User extends Organization {
  readonly organization_id: string;
}

/** More than there are: Letta's cursor fails when what it points to has been deleted. */
const all = "limit=10000";

/** The name of a project's organization and user in Letta; Letta's own have other names. */
export const identityName = (project: string) => `thoth-letta/${project}`;

/** All users of Letta, oldest first. */
export function listUsers(endpoint: LettaEndpoint): Promise<User[]> {
  return lettaJson(endpoint, "GET", `/v1/admin/users/?${all}`);
}

/** Finds the projects' users by name and creates the missing ones, each with an organization. @returns project -> user id */
export async function ensureUsers(
  endpoint: LettaEndpoint,
  projects: readonly string[],
): Promise<Record<string, string>> {
  const organizations = await lettaJson<Organization[]>(endpoint, "GET", `/v1/admin/orgs/?${all}`);
  const users = await listUsers(endpoint);
  const found: Record<string, string> = {};
  // One by one: creating each takes a fraction of a second, once.
  for (const project of projects) {
    const name = identityName(project);
    const known = users.find((user) => user.name === name);
    const { id } = known ?? (await makeUser(endpoint, name, organizations));
    await addBaseTools({ ...endpoint, user: id });
    found[project] = id;
  }
  return found;
}

async function makeUser(endpoint: LettaEndpoint, name: string, organizations: readonly Organization[]): Promise<User> {
  const organization =
    organizations.find((one) => one.name === name) ??
    (await lettaJson<Organization>(endpoint, "POST", "/v1/admin/orgs/", { name }));
  return lettaJson<User>(endpoint, "POST", "/v1/admin/users/", { name, organization_id: organization.id });
}

/** Letta adds them to its default organization only; agents of others would have none. */
async function addBaseTools(endpoint: LettaEndpoint): Promise<void> {
  if ((await lettaJson<number>(endpoint, "GET", "/v1/tools/count")) > 0) return;
  await lettaJson(endpoint, "POST", "/v1/tools/add-base-tools");
}
