import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readConfigFile } from "../../../../scripts/lib/stack-file.ts";
import { addProject } from "../../../../scripts/projects/add.ts";
import { environmentOf, showEnvironment } from "../../../../scripts/projects/env.ts";
import type { PostgresPicture, Session } from "../../../../scripts/projects/postgres.ts";
import { removeProject } from "../../../../scripts/projects/remove.ts";
import { rotateProject } from "../../../../scripts/projects/rotate.ts";
import { rotateAll } from "../../../../scripts/projects/rotate-all.ts";
import { backedUpStack } from "../../../support/fake-backups.ts";
import type { FakeDeps, FakeDepsOptions } from "../../../support/fake-deps.ts";
import type { FakeAnswers } from "../../../support/fake-programs.ts";
import { lettaOutputs } from "../../../support/fake-stacks.ts";
import { temporaryFiles, temporaryFolder } from "../../../support/temporary.ts";

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
const updates = (calls: readonly string[]) => calls.filter((call) => call.startsWith("pulumi up")).length;

describe("add", () => {
  test("adds the project to the list, and brings the stack up", async () => {
    const { programs, deps } = stackWith();
    expect(await addProject(named, deps)).toBe(0);
    expect(configOf(deps).projects).toEqual(["thoth", "notes"]);
    expect(updates(programs.calls())).toBe(1);
    expect(deps.printed.at(-1)).toContain("make project-env NAME=notes");
  });

  test("keeps the comments of a list", async () => {
    const { deps } = stackWith({ config: "  thoth-letta:projects:\n    - thoth # the first\n" });
    await addProject(named, deps);
    expect(readFileSync(join(deps.projectDirectory, "Pulumi.letta.yaml"), "utf8")).toContain(
      "- thoth # the first\n    - notes",
    );
  });

  test("of an existing project does nothing", async () => {
    const { programs, deps } = stackWith();
    expect(await addProject(thoth, deps)).toBe(0);
    expect(updates(programs.calls())).toBe(0);
  });

  test("adopts another owner's database only on confirmation", async () => {
    const databases = [database("thoth"), database("notes", "somebody")];
    const refused = stackWith({ databases });
    expect(await addProject(named, refused.deps)).toBe(1);
    expect(configOf(refused.deps).projects).toBeUndefined();
    const agreed = stackWith({ databases, answer: true });
    expect(await addProject(named, agreed.deps)).toBe(0);
  });

  test.each(["No", "1st", "a-b", "letta", ""])("refuses the name %j", async (name) => {
    const { deps } = stackWith();
    await expect(addProject({ ...named, name }, deps)).rejects.toThrow(/is not a valid project name/);
  });
});

describe("env", () => {
  const options = { ...thoth, format: "env", for: "network", showSecrets: false } as const;

  test("hides secrets", async () => {
    const { deps } = stackWith();
    await showEnvironment(options, deps);
    expect(deps.printed.join("\n")).toBe(
      [
        "# For containers on network letta-network.",
        "DATABASE_URL=postgresql://thoth:[hidden]@letta-postgres:5432/thoth",
        "LETTA_BASE_URL=http://letta-nginx:8284",
        "LETTA_API_KEY=[hidden]",
        "ENCRYPTION_KEY=[hidden]",
      ].join("\n"),
    );
  });

  test("can be for processes on this host", () => {
    expect(environmentOf(lettaOutputs, "thoth", "host", true)).toEqual({
      DATABASE_URL: "postgresql://thoth:pw@127.0.0.1:3/thoth",
      LETTA_BASE_URL: "http://127.0.0.1:2",
      LETTA_API_KEY: "thoth-token",
      ENCRYPTION_KEY: "key",
    });
  });

  test("writes a file for its owner alone, and overwrites none", async () => {
    const { deps } = stackWith();
    const output = join(temporaryFolder(), "thoth.env");
    expect(await showEnvironment({ ...options, output }, deps)).toBe(0);
    expect(statSync(output).mode & 0o777).toBe(0o600);
    expect(readFileSync(output, "utf8")).toContain("LETTA_API_KEY=thoth-token\n");
    expect(deps.printed.join("\n")).not.toContain("thoth-token");
    await expect(showEnvironment({ ...options, output }, deps)).rejects.toThrow(/exists already/);
    expect(existsSync(output)).toBe(true);
  });

  test("of a project that is not up yet says so", async () => {
    const { deps } = stackWith({ config: "  thoth-letta:projects: [thoth, notes]\n" });
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

  const overlap = "  thoth-letta:credentials:\n    thoth: {generation: 2, overlap: true}\n";
  test("disconnects nobody without confirmation", async () => {
    const { deps } = stackWith({ config: overlap, sessions: [session("thoth"), session("thoth-b")] });
    expect(await rotateProject({ ...thoth, finish: true }, deps)).toBe(1);
    expect(configOf(deps).credentials).toEqual({ thoth: { generation: 2, overlap: true } });
    expect(deps.printed.join("\n")).toContain("1 Postgres session: role thoth,");
  });

  test("cannot finish before it has begun", async () => {
    const { deps } = stackWith();
    await expect(rotateProject({ ...thoth, finish: true }, deps)).rejects.toThrow(/only credentials of generation 1/);
  });
});

describe("rotate of everything", () => {
  const all = { stack: "letta", thothStack: "thoth", yes: false, finish: false };
  test("is one step if Thoth is the only application", async () => {
    const { programs, deps } = stackWith();
    expect(await rotateAll(all, deps)).toBe(0);
    expect(configOf(deps).credentials).toEqual({ thoth: { generation: 2 }, letta: { generation: 2 } });
    const ups = programs.calls().filter((call) => call.startsWith("pulumi up"));
    expect(ups.map((call) => /--stack (\w+)/.exec(call)?.[1])).toEqual(["letta", "thoth", "letta"]);
  });

  test("waits for the operator if there are other applications", async () => {
    const { deps } = stackWith({ config: "  thoth-letta:projects: [thoth, notes]\n" });
    expect(await rotateAll(all, deps)).toBe(0);
    expect(configOf(deps).credentials).toMatchObject({ notes: { generation: 2, overlap: true } });
    expect(deps.printed.join("\n")).toContain("make rotate FINISH=1");
    expect(await rotateAll({ ...all, finish: true }, deps)).toBe(0);
    const generation = 2;
    expect(configOf(deps).credentials).toEqual({ thoth: { generation }, notes: { generation }, letta: { generation } });
  });

  test("refuses to start while a project is being rotated by itself, which it would finish and leave the others", async () => {
    const config = "  thoth-letta:credentials:\n    thoth: {generation: 2, overlap: true}\n";
    for (const finish of [false, true]) {
      const { programs, deps } = stackWith({ config });
      await expect(rotateAll({ ...all, finish }, deps)).rejects.toThrow(/make project-rotate NAME=thoth FINISH=1/);
      expect(updates(programs.calls())).toBe(0);
    }
  });

  test("resumes one that was interrupted, and has nothing to finish when none is in progress", async () => {
    const config = "  thoth-letta:credentials:\n    letta: {generation: 2, overlap: true}\n";
    const resumed = stackWith({ config });
    expect(await rotateAll(all, resumed.deps)).toBe(0);
    expect(configOf(resumed.deps).credentials).toEqual({ letta: { generation: 2 } });
    const idle = stackWith();
    expect(await rotateAll({ ...all, finish: true }, idle.deps)).toBe(0);
    expect(configOf(idle.deps).credentials).toBeUndefined();
    expect(idle.deps.printed.at(-1)).toContain("no rotation is in progress");
  });

  test("ignores an idle old session of Letta", async () => {
    const { deps } = stackWith({ sessions: [session("letta")] });
    expect(await rotateAll(all, deps)).toBe(0);
  });
});

describe("remove", () => {
  test("keeps data and credentials", async () => {
    const { programs, deps } = stackWith({
      config: "  thoth-letta:projects: [thoth, notes]\n",
      databases: [database("notes")],
    });
    expect(await removeProject({ ...named, purge: false }, deps)).toBe(0);
    expect(configOf(deps).projects).toEqual(["thoth"]);
    expect(deps.printed.join("\n")).toContain("make project-add NAME=notes");
    expect(programs.lastInput()).not.toContain("drop");
  });

  test("asks before it disconnects somebody", async () => {
    const { deps } = stackWith({ config: "  thoth-letta:projects: [thoth, notes]\n", sessions: [session("notes")] });
    expect(await removeProject({ ...named, purge: false }, deps)).toBe(1);
    expect(configOf(deps).projects).toEqual(["thoth", "notes"]);
  });

  test("refuses the project that the config names as default", async () => {
    const { deps } = stackWith({
      config: "  thoth-letta:projects: [thoth, notes]\n  thoth-letta:defaultProject: notes\n",
    });
    await expect(removeProject({ ...named, purge: false }, deps)).rejects.toThrow(/is the defaultProject/);
    expect(configOf(deps).projects).toEqual(["thoth", "notes"]);
  });

  test.each([undefined, "thoth"])("purges nothing when the word is %j", async (word) => {
    const { programs, deps } = stackWith({ databases: [database("notes")], ...(word === undefined ? {} : { word }) });
    expect(await removeProject({ ...named, purge: true }, deps)).toBe(1);
    expect(programs.calls().filter((call) => call.includes("backup now"))).toEqual([]);
  });

  test("purges after a backup, when the name is typed", async () => {
    const { programs, deps } = stackWith({ databases: [database("notes")], word: "notes" });
    expect(await removeProject({ ...named, purge: true }, deps)).toBe(0);
    const calls = programs.calls();
    const backup = calls.findIndex((call) => call.includes("backup now"));
    expect(backup).toBeGreaterThan(0);
    expect(calls.findIndex((call) => call.includes("backup point before_purge_of_notes_"))).toBeGreaterThan(backup);
    expect(deps.printed.join("\n")).toContain("project notes of stack letta is gone");
  });

  test("purges nothing without backups", async () => {
    const { backupSettings: _, ...outputs } = { ...lettaOutputs, backup: { ...lettaOutputs.backup, enabled: false } };
    const pulumi = { "stack output --json --show-secrets --stack letta": { stdout: JSON.stringify(outputs) } };
    const { deps } = stackWith({ databases: [database("notes")], word: "notes", pulumi });
    await expect(removeProject({ ...named, purge: true }, deps)).rejects.toThrow(/has no backups/);
  });
});
