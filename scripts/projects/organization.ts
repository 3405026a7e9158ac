import { identityName } from "../../infra/lib/letta/identities.ts";
import type { Deps } from "../lib/deps.ts";
import { literal, psql } from "../lib/psql.ts";

/**
 * Deletes a project's organization in Letta with everything in it: agents, messages, tools and its user.
 *
 * In Letta's database, in one transaction: Letta 0.16.8 follows the relations of its models, and fails on the traces of
 * conversations, which have none.
 *
 * @returns whether it existed
 */
export async function deleteOrganization(deps: Deps, postgres: string, project: string): Promise<boolean> {
  const name = literal(identityName(project));
  const [found] = await psql(deps, postgres, `select id from organizations where name = ${name}`, "letta");
  if (found === undefined) return false;
  await psql(deps, postgres, deletion(found), "letta");
  return true;
}

/** Follows the database's foreign keys, since the tables change with Letta's version. */
function deletion(organization: string): string {
  return `do $body$
declare
  organization constant text := ${literal(organization)};
  link record;
  refused integer;
begin
  for link in
    select conrelid::regclass as child, attname as own, confrelid::regclass as parent from pg_constraint
      join pg_attribute on attrelid = conrelid and attnum = conkey[1]
      where contype = 'f' and confdeltype = 'a' and confrelid <> 'organizations'::regclass
        and exists (select from pg_attribute where attrelid = confrelid and attname = 'organization_id')
        and not exists (select from pg_attribute where attrelid = conrelid and attname = 'organization_id')
  loop
    execute format('delete from %s where %I in (select id from %s where organization_id = $1)', link.child, link.own, link.parent)
      using organization;
  end loop;
  -- Keys among these tables dictate the order: what is refused is tried again when more has been deleted.
  for round in 1..20 loop
    refused := 0;
    for link in select conrelid::regclass as child from pg_constraint where contype = 'f' and confrelid = 'organizations'::regclass
    loop
      begin
        execute format('delete from %s where organization_id = $1', link.child) using organization;
      exception when foreign_key_violation then refused := refused + 1;
      end;
    end loop;
    exit when refused = 0;
  end loop;
  delete from organizations where id = organization;
end
$body$`;
}
