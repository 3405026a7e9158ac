import { type LettaEndpoint, lettaJson } from "./api.ts";

/** Letta's own user, who has everything that was made before there were others. */
export const defaultUser = "user-00000000-0000-4000-8000-000000000000";

interface Organization {
  readonly id: string;
  readonly name: string;
}

interface User extends Organization {
  readonly organization_id: string;
}

/** More than there are, as Letta's cursor fails when what it points to has been deleted. */
const all = "limit=10000";

/** The name that a project's organization and user have in Letta; neither of Letta's own has such a one. */
export const identityName = (project: string) => `thoth-letta/${project}`;

/** Every user that Letta has, oldest first. */
export function listUsers(endpoint: LettaEndpoint): Promise<User[]> {
  return lettaJson(endpoint, "GET", `/v1/admin/users/?${all}`);
}

/** Finds the projects' users by name, and makes those that are missing, each with an organization. @returns project -> user id */
export async function ensureUsers(
  endpoint: LettaEndpoint,
  projects: readonly string[],
): Promise<Record<string, string>> {
  const organizations = await lettaJson<Organization[]>(endpoint, "GET", `/v1/admin/orgs/?${all}`);
  const users = await listUsers(endpoint);
  const found: Record<string, string> = {};
  // One after the other: each takes Letta a fraction of a second, once.
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

/** Letta gives them to its default organization alone; an agent of another one would be made without. */
async function addBaseTools(endpoint: LettaEndpoint): Promise<void> {
  if ((await lettaJson<number>(endpoint, "GET", "/v1/tools/count")) > 0) return;
  await lettaJson(endpoint, "POST", "/v1/tools/add-base-tools");
}
