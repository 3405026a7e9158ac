import { describe, expect, test } from "vitest";
import { defaultUser } from "../../../../infra/lib/letta/identities.ts";
import provider, { type LettaIdentitiesInputs } from "../../../../infra/providers/letta-identities.ts";
import { type ImitatedLetta, imitatedLetta } from "../../../support/imitated-letta.ts";

type Organization = Record<"id" | "name", string>;
type User = Organization & Record<"organization_id", string>;

/** An imitation of Letta's admin API, with its own user and whatever else there is. */
async function letta(organizations: Organization[] = [], users: User[] = []): Promise<ImitatedLetta> {
  const tools = new Set<string>();
  users.unshift({ id: defaultUser, name: "default_user", organization_id: "org-0" });
  return imitatedLetta({
    "GET /v1/admin/orgs/": () => ({ body: organizations }),
    "POST /v1/admin/orgs/": ({ body }) => {
      const made = { id: `org-${organizations.length + 1}`, ...(body as { name: string }) };
      organizations.push(made);
      return { body: made };
    },
    "GET /v1/admin/users/": () => ({ body: users }),
    "POST /v1/admin/users/": ({ body }) => {
      const made = { id: `user-${users.length}`, ...(body as Omit<User, "id">) };
      users.push(made);
      return { body: made };
    },
    "GET /v1/tools/count": () => ({ body: tools.size }),
    "POST /v1/tools/add-base-tools": () => ({ body: [...tools.add("tool")] }),
  });
}

const inputsFor = ({ url, password }: ImitatedLetta, projects: string[]): LettaIdentitiesInputs => ({
  ...{ url, password, projects, defaultProject: "thoth" },
});
const usersOf = async (inputs: LettaIdentitiesInputs) => (await provider.create(inputs)).outs?.users;

test("each project has a user in its own organization, and the default project has Letta's default user", async () => {
  const organizations: Organization[] = [];
  const users: User[] = [];
  const imitation = await letta(organizations, users);
  expect(await usersOf(inputsFor(imitation, ["thoth", "notes", "papers"]))).toEqual({
    thoth: defaultUser,
    notes: "user-1",
    papers: "user-2",
  });
  expect(organizations.map(({ name }) => name)).toEqual(["thoth-letta/notes", "thoth-letta/papers"]);
  expect(users.map(({ organization_id }) => organization_id)).toEqual(["org-0", "org-1", "org-2"]);
});

test("existing identities are found by name, and what a killed run left is completed", async () => {
  const organizations = ["a", "b"].map((id) => ({ id: `org-${id}`, name: `thoth-letta/${id}` }));
  const users = [{ id: "user-a", name: "thoth-letta/a", organization_id: "org-a" }];
  const imitation = await letta(organizations, users);
  expect(await usersOf(inputsFor(imitation, ["a", "b"]))).toEqual({ a: "user-a", b: "user-2" });
  expect(users.at(-1)).toMatchObject({ organization_id: "org-b" });
  expect(organizations).toHaveLength(2);
});

test("no project's name collides with Letta's defaults", async () => {
  const imitation = await letta([{ id: "org-0", name: "default_org" }]);
  expect(await usersOf(inputsFor(imitation, ["default_user", "default_org"]))).toEqual({
    default_user: "user-1",
    default_org: "user-2",
  });
});

describe("an update", () => {
  const update = async (changes: Partial<LettaIdentitiesInputs>, users = { thoth: defaultUser, notes: "user-1" }) => {
    const imitation = await letta([], [{ id: "user-1", name: "thoth-letta/notes", organization_id: "org-1" }]);
    const olds = inputsFor(imitation, ["thoth", "notes"]);
    const result = await provider.diff?.("id", { ...olds, users }, { ...olds, ...changes });
    return { changes: result?.changes, requests: imitation.requests };
  };

  test("that has nothing to do asks once, however many projects there are", async () => {
    expect(await update({})).toEqual({ changes: false, requests: ["GET /v1/admin/users/"] });
  });

  test.each<[string, Partial<LettaIdentitiesInputs>, Parameters<typeof update>[1]?]>([
    ["a project more", { projects: ["thoth", "notes", "more"] }],
    ["another default project", { defaultProject: "notes" }],
    ["a Letta that does not answer", { url: "http://127.0.0.1:1" }],
    ["a user that Letta has lost", {}, { thoth: defaultUser, notes: "user-lost" }],
  ])("is needed for %s", async (_, changes, users) => {
    expect((await update(changes, users)).changes).toBe(true);
  });

  test("that removes a project deletes nothing", async () => {
    const imitation = await letta();
    await provider.delete?.("id", { ...inputsFor(imitation, ["notes"]), users: { notes: "user-1" } });
    expect(imitation.requests).toEqual([]);
  });
});
