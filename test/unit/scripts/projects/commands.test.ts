import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import YAML from "yaml";
import { readConfigFile } from "../../../../scripts/lib/stack-file.ts";
import { addProject } from "../../../../scripts/projects/add.ts";
import { showEnvironment } from "../../../../scripts/projects/env.ts";
import type { PostgresPicture, Session } from "../../../../scripts/projects/postgres.ts";
import { removeProject } from "../../../../scripts/projects/remove.ts";
import { rotateProject } from "../../../../scripts/projects/rotate.ts";
import { rotateAll } from "../../../../scripts/projects/rotate-all.ts";
import { backedUpStack } from "../../../support/fake-backups.ts";
import type { FakeDeps, FakeDepsOptions } from "../../../support/fake-deps.ts";
import type { FakeAnswers } from "../../../support/fake-programs.ts";
import { lettaOutputs } from "../../../support/fake-stacks.ts";
import { temporaryFiles } from "../../../support/temporary.ts";

const database = (name: string, owner = name) => ({ name, owner, bytes: 8_000_000 });
const session = (role: string, isIdle = true): Session => ({ role, address: null, application: "psql", isIdle });

interface Stand extends Omit<FakeDepsOptions, "projectDirectory"> {
  readonly pulumi?: FakeAnswers;
  readonly databases?: PostgresPicture["databases"];
  readonly sessions?: readonly Session[];
  /** Lines of Pulumi.letta.yaml in addition to `images`. */
  readonly config?: string;
}

/** A stack with one project, thoth, that is up. */
function stackWith({ databases = [database("thoth")], sessions = [], config = "", ...options }: Stand = {}) {
  const picture = { databases, limits: { thoth: 30 }, sessions };
  return backedUpStack({
    ...options,
    projectDirectory: temporaryFiles({
      "Pulumi.letta.yaml": `config:\n  thoth-letta:images: local\n${config}`,
      "Pulumi.thoth.yaml": "config: {}\n",
    }),
    docker: { "exec -i letta-postgres psql": { stdout: `${JSON.stringify(picture)}\n` } },
  });
}
const named = { stack: "letta", name: "notes", yes: false };
const thoth = { ...named, name: "thoth" };
const configOf = (deps: FakeDeps) => readConfigFile(deps, "letta");
const both = "  thoth-letta:projects: [thoth, notes]\n";
const overlapOf = (owner: string) => `  thoth-letta:credentials:\n    ${owner}: {generation: 2, overlap: true}\n`;
const updates = (calls: readonly string[]) => calls.filter((call) => call.startsWith("pulumi up")).length;

describe("add", () => {
  test("adds the project to the list, keeps its comments, and brings the stack up; a second time nothing", async () => {
    const { programs, deps } = stackWith({ config: "  thoth-letta:projects:\n    - thoth # the first\n" });
    expect(await addProject(thoth, deps)).toBe(0);
    expect(updates(programs.calls())).toBe(0);
    expect(await addProject(named, deps)).toBe(0);
    expect(updates(programs.calls())).toBe(1);
    expect(readFileSync(join(deps.projectDirectory, "Pulumi.letta.yaml"), "utf8")).toContain(
      "- thoth # the first\n    - notes",
    );
    expect(deps.printed.at(-1)).toContain("make project-env NAME=notes");
  });

  test("adopts another owner's database only on confirmation", async () => {
    const databases = [database("thoth"), database("notes", "somebody")];
    const refused = stackWith({ databases });
    expect(await addProject(named, refused.deps)).toBe(1);
    expect(configOf(refused.deps).projects).toBeUndefined();
    expect(await addProject(named, stackWith({ databases, answer: true }).deps)).toBe(0);
  });

  test.each(["1st", "a-b", "letta", ""])("refuses the name %j", async (name) => {
    await expect(addProject({ ...named, name }, stackWith().deps)).rejects.toThrow(/is not a valid project name/);
  });
});

describe("env", () => {
  const options = { ...thoth, format: "env", for: "network", showSecrets: false } as const;

  test("hides secrets", async () => {
    const { deps } = stackWith();
    await showEnvironment(options, deps);
    expect(deps.printed.join("\n").split("\n").slice(1)).toEqual([
      "DATABASE_URL=postgresql://thoth:[hidden]@letta-postgres:5432/thoth",
      "NODE_DATABASE_URL=postgresql://thoth:[hidden]@letta-postgres:5432/thoth?sslmode=no-verify",
      "JDBC_DATABASE_URL=jdbc:postgresql://letta-postgres:5432/thoth?user=thoth&password=[hidden]&sslmode=require",
      "LETTA_BASE_URL=http://letta-nginx:8284",
      "LETTA_API_KEY=[hidden]",
      "ENCRYPTION_KEY=[hidden]",
    ]);
  });

  test("for compose puts the service on the letta network and leaves it on the application's own", async () => {
    const { deps } = stackWith();
    await showEnvironment({ ...options, format: "compose" }, deps);
    const { services, networks } = YAML.parse(deps.printed[0] ?? "");
    expect(services.thoth.networks).toEqual(["default", "letta-network"]);
    expect(networks).toEqual({ "letta-network": { external: true } });
  });

  test("of a project that is not up yet says so", async () => {
    const { deps } = stackWith({ config: both });
    await expect(showEnvironment({ ...options, name: "notes" }, deps)).rejects.toThrow(/not up yet/);
  });
});

test("outputs of an older version are refused with what brings them up to date", async () => {
  const stdout = JSON.stringify({ contractVersion: 2, projects: ["thoth"], tokens: { thoth: "token" } });
  const { deps } = stackWith({ pulumi: { "stack output --json --show-secrets --stack letta": { stdout } } });
  await expect(rotateAll({ stack: "letta", thothStack: "thoth", yes: false, finish: false }, deps)).rejects.toThrow(
    "stack letta was brought up by an older version of this project\n  fix: make letta-start",
  );
});

describe("rotate", () => {
  test("begins with both, and ends with the new ones", async () => {
    const { programs, deps } = stackWith();
    expect(await rotateProject({ ...thoth, finish: false }, deps)).toBe(0);
    expect(configOf(deps).credentials).toEqual({ thoth: { generation: 2, overlap: true } });
    expect(await rotateProject({ ...thoth, finish: true }, deps)).toBe(0);
    expect(configOf(deps).credentials).toEqual({ thoth: { generation: 2 } });
    expect(updates(programs.calls())).toBe(2);
  });

  test("disconnects nobody without confirmation", async () => {
    const { deps } = stackWith({ config: overlapOf("thoth"), sessions: [session("thoth"), session("thoth-b")] });
    expect(await rotateProject({ ...thoth, finish: true }, deps)).toBe(1);
    expect(configOf(deps).credentials).toEqual({ thoth: { generation: 2, overlap: true } });
    expect(deps.printed.join("\n")).toContain("1 Postgres session: role thoth,");
  });
});

describe("rotate of everything", () => {
  const all = { stack: "letta", thothStack: "thoth", yes: false, finish: false };
  test("is one step if Thoth is the only application, and ignores an idle old session of Letta", async () => {
    const { programs, deps } = stackWith({ sessions: [session("letta")] });
    expect(await rotateAll(all, deps)).toBe(0);
    expect(configOf(deps).credentials).toEqual({ thoth: { generation: 2 }, letta: { generation: 2 } });
    const ups = programs.calls().filter((call) => call.startsWith("pulumi up"));
    expect(ups.map((call) => /--stack (\w+)/.exec(call)?.[1])).toEqual(["letta", "thoth", "letta"]);
  });

  test.each([false, true])("refuses while a rotation of one project is unfinished, to finish: %s", async (finish) => {
    const { programs, deps } = stackWith({ config: overlapOf("thoth") });
    await expect(rotateAll({ ...all, finish }, deps)).rejects.toThrow(/make project-rotate NAME=thoth FINISH=1/);
    expect(updates(programs.calls())).toBe(0);
  });

  test("resumes one that was interrupted, and has nothing to finish when none is in progress", async () => {
    const resumed = stackWith({ config: overlapOf("letta") });
    expect(await rotateAll(all, resumed.deps)).toBe(0);
    expect(configOf(resumed.deps).credentials).toEqual({ letta: { generation: 2 } });
    const idle = stackWith();
    expect(await rotateAll({ ...all, finish: true }, idle.deps)).toBe(0);
    expect(configOf(idle.deps).credentials).toBeUndefined();
    expect(idle.deps.printed.at(-1)).toContain("no rotation is in progress");
  });
});

describe("remove", () => {
  const kept = { ...named, purge: false };
  const purged = { ...named, purge: true };

  test("asks before it disconnects somebody", async () => {
    const { deps } = stackWith({ config: both, sessions: [session("notes")] });
    expect(await removeProject(kept, deps)).toBe(1);
    expect(configOf(deps).projects).toEqual(["thoth", "notes"]);
  });

  test("refuses the project that the config names as default", async () => {
    const { deps } = stackWith({ config: `${both}  thoth-letta:defaultProject: notes\n` });
    await expect(removeProject(kept, deps)).rejects.toThrow(/is the defaultProject/);
    expect(configOf(deps).projects).toEqual(["thoth", "notes"]);
  });

  test.each([
    ["thoth", 1],
    ["notes", 0],
  ])("purges only when the name is typed, and after a backup: %s", async (word, exitCode) => {
    const { programs, deps } = stackWith({ databases: [database("notes")], word });
    expect(await removeProject(purged, deps)).toBe(exitCode);
    const isBackedUp = /backup now.*backup point before_purge_of_notes_/s.test(programs.calls().join("\n"));
    const isGone = deps.printed.join("\n").includes("project notes of stack letta is gone");
    expect([isBackedUp, isGone]).toEqual([word === "notes", word === "notes"]);
  });

  test("purges nothing without backups", async () => {
    const { backupSettings: _, ...outputs } = { ...lettaOutputs, backup: { ...lettaOutputs.backup, enabled: false } };
    const pulumi = { "stack output --json --show-secrets --stack letta": { stdout: JSON.stringify(outputs) } };
    const { deps } = stackWith({ databases: [database("notes")], word: "notes", pulumi });
    await expect(removeProject(purged, deps)).rejects.toThrow(/has no backups/);
  });
});
