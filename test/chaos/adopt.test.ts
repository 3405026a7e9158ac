import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { docker, inspectContainer, networkContainers } from "../../infra/lib/docker/engine.ts";
import { imageReference } from "../../infra/lib/images.ts";
import { requireImage } from "../../scripts/images/version.ts";
import { root } from "../../scripts/lib/checkout.ts";
import { realDeps } from "../../scripts/lib/deps.ts";
import { say } from "../support/conversation.ts";
import { removeProject } from "../support/engine-objects.ts";
import { startKillable } from "../support/kill.ts";
import { agentIds, populateLetta } from "../support/letta-agents.ts";
import { type OldInstallation, startOldInstallation } from "../support/old-installation.ts";
import { type ScriptedModel, startScriptedModel } from "../support/scripted-model.ts";
import { ownProject } from "../support/shared-stacks.ts";
import { succeeded, type TestProject } from "../support/stacks.ts";

/** Postgres 15, as upstream's compose file has it; built here, which takes minutes the first time. */
const oldPostgres = "thoth-letta/test-postgres:15";

let project: TestProject;
let model: ScriptedModel;
let old: OldInstallation;

beforeAll(async () => {
  model = await startScriptedModel({ host: "0.0.0.0" });
  project = await ownProject({ letta: { images: "local" } });
  const built = await docker(["image", "inspect", oldPostgres]);
  if (built.exitCode !== 0) await realDeps().$`${join(root, "test/support/postgres-15/build.sh")} ${oldPostgres}`;
  await requireImage({ ...realDeps(), projectDirectory: project.folder }, project.letta, "letta", "0.16.5");
  const letta = imageReference("letta", { root, images: "local" }, "0.16.5");
  old = await startOldInstallation(project, { postgres: oldPostgres, letta }, model.port);
});
afterAll(async () => {
  await model.close();
  removeProject(project.suffix);
});

const adopt = (...args: string[]) => project.command(["adopt", "installation", "--yes", ...args]);
const isRunning = async (name: string) => (await inspectContainer(name))?.State.Running === true;

/** Starts an adoption and kills it, with all that it started, once it has said this. */
async function killedAt(text: RegExp): Promise<void> {
  const run = startKillable(project, ["adopt", "installation", "--yes"]);
  const hasSaid = () => {
    run.requireRunning();
    expect(run.output()).toMatch(text);
  };
  await vi.waitFor(hasSaid, { timeout: 1_200_000, interval: 50 });
  await run.kill();
}

describe("before it", () => {
  test("a start refuses to share names with the old installation, and names the adoption", async () => {
    const started = await project.command(["letta", "start"]);
    expect(started.output).toContain(`the engine has volumes ${project.letta}-home`);
    const previewed = await project.pulumi(["preview", "--stack", project.letta]);
    for (const name of [old.containers.postgres, old.containers.server])
      expect(previewed.output).toContain(`container ${name} exists and is not this stack's`);
    expect(previewed.output).toContain(`network ${old.network} exists and is compose project project-thoth's`);
    for (const { exitCode, output } of [started, previewed]) {
      expect(exitCode).not.toBe(0);
      expect(output).toContain("make adopt");
      expect(output).not.toMatch(/make letta-recover|docker volume rm/);
    }
  });

  test("a dry run prints what was found and what becomes of it, and changes nothing", async () => {
    const { stdout } = succeeded(await adopt("--dry-run"));
    for (const line of [
      `${old.volume}: dumped to files, then copied; never written to`,
      `${old.containers.postgres}: stopped, called ${old.containers.postgres}-before-adoption; kept`,
      `${old.network} (${project.configured(project.letta, "subnet")}): made anew`,
      `${old.client}: gets to the new network`,
      `the new ones are ${project.letta}-adopted-`,
      "LETTA_PG_URI: not needed",
      "LETTA_PG_POOL_SIZE: renamed, thoth-letta:sizes.server.poolSize",
      "OPENAI_API_KEY: taken, thoth-letta:secretEnv.OPENAI_API_KEY",
      "OPENAI_BASE_URL: taken, thoth-letta:env.OPENAI_BASE_URL",
      "GROQ_API_KEY: not needed, is empty",
      `${project.vault}: Thoth's vault as before`,
    ]) {
      expect(stdout).toContain(line);
    }
    expect(stdout).not.toContain("sk-old-key");
    expect(await agentIds(old.endpoint)).toEqual(old.agents);
  });
});

describe("an adoption that is killed again and again", () => {
  let files: string;

  test("leaves the old data alone, and goes on each time", async () => {
    await killedAt(/copying .*Postgres 15/);
    expect(await isRunning(old.containers.postgres)).toBe(false);
    files = await old.files();
    await killedAt(/is now called/);
    await killedAt(/copied database letta/);
    await killedAt(/draining/);
  });

  test("takes everything over in the end", async () => {
    const { stdout } = succeeded(await adopt());
    expect(stdout).toContain("adopted: letta, thoth");
    expect(await agentIds(await project.lettaEndpoint())).toEqual(old.agents);
    expect(await project.psql("select count(*), nextval('papers_id_seq') from papers", "thoth")).toBe("50|51");
    expect(await project.psql("select tableowner from pg_tables where tablename = 'papers'", "thoth")).toBe("thoth");
    expect(await old.files(), "the old volume is untouched").toBe(files);
  });

  test("works on: an agent that it brought answers", async () => {
    await say(await project.lettaEndpoint(), old.agents[0] ?? "", "are you there?");
  });

  test("took the settings, and put the other application on the new network", async () => {
    expect(project.configured(project.letta, "sizes")).toEqual({ server: { poolSize: 20 } });
    expect(project.configured<string[]>(project.letta, "allowedOrigins")).toContain("https://notes.example.org");
    expect(project.configured(project.letta, "secretEnv")).toEqual({ OPENAI_API_KEY: { secure: expect.any(String) } });
    expect(project.configured(project.thoth, "vault")).toBe(project.vault);
    expect(await networkContainers(old.network)).toContain(old.client);
    succeeded(await project.pulumi(["preview", "--expect-no-changes", "--stack", project.letta]));
  });
});

describe("its undo", () => {
  test("brings the old installation back under its names and ports, with its agents", async () => {
    succeeded(await project.command(["adopt", "undo", "--yes"]));
    for (const name of [...Object.values(old.containers), old.client]) expect(await isRunning(name), name).toBe(true);
    expect(await networkContainers(old.network)).toEqual(expect.arrayContaining([old.client, old.containers.server]));
    await vi.waitFor(async () => expect(await agentIds(old.endpoint)).toEqual(old.agents), { timeout: 300_000 });
  });

  test("leaves an installation that can be adopted again, with what was written to it since", async () => {
    const [added = ""] = await populateLetta(old.endpoint, model.port, 1);
    const { stdout } = succeeded(await adopt());
    expect(stdout).toContain("kept as database letta_before_");
    expect(await agentIds(await project.lettaEndpoint())).toEqual([...old.agents, added].sort());
  });
});
