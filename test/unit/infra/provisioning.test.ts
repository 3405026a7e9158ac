import { expect, test } from "vitest";
import { parseLettaConfig } from "../../../infra/config/letta.ts";
import { adminRole, scramVerifier } from "../../../infra/lib/postgres/connect.ts";
import { roleSettings, rolesOf, template } from "../../../infra/lib/postgres/provision.ts";
import { contentScript, superuserScript } from "../../../infra/lib/postgres/superuser.ts";

const limits = { connections: 30, statementSeconds: 300, idleInTransactionSeconds: 0 };

test("a password is kept as RFC 7677 has it in its example", () => {
  const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
  expect(scramVerifier("pencil", salt)).toBe(
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
  );
});

test("the role that does not own the database begins as the one that does, with the same limits", () => {
  const [owner, other] = rolesOf("notes");
  const times = { statement_timeout: "300s", idle_in_transaction_session_timeout: "0s" };
  expect(roleSettings(owner, "notes", limits)).toEqual(times);
  expect(roleSettings(other, "notes", limits)).toEqual({ ...times, role: "notes" });
});

test("the superuser's statements have no password in them", () => {
  const script = superuserScript(["notes"], "the-admin-password");
  expect(script).not.toContain("the-admin-password");
  expect(script).toContain("SCRAM-SHA-256$4096:");
});

test("names are quoted, whatever is in them", () => {
  expect(superuserScript(["it's"], "x")).toContain("'it''s'");
  expect(contentScript(["uuid-ossp"])).toContain('create extension if not exists "uuid-ossp"');
});

test("the template has a name that no project can have", () => {
  expect(parseLettaConfig({ projects: ["notes"] }, "letta").projects).toEqual(["notes"]);
  expect(() => parseLettaConfig({ projects: [template] }, "letta")).toThrow("projects[0]: must be 1-31");
});

test("no project is named as the role for provisioning, which would log in with the project's password", () => {
  expect(() => parseLettaConfig({ projects: [adminRole] }, "letta")).toThrow("is a name Postgres or Letta uses");
});
