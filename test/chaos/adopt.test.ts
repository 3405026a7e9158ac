import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { inspectContainer, networkContainers } from "../../infra/lib/docker/engine.ts";
import { say } from "../support/conversation.ts";
import { removeProject } from "../support/engine-objects.ts";
import { faithfulThoth } from "../support/faithful-thoth.ts";
import { freePorts } from "../support/free-places.ts";
import { startKillable } from "../support/kill.ts";
import { agentIds, populateLetta } from "../support/letta-agents.ts";
import { type OldInstallation, startOldInstallation } from "../support/old-installation.ts";
import { oldImages } from "../support/plain-letta.ts";
import { type ScriptedModel, startScriptedModel } from "../support/scripted-model.ts";
import { ownProject } from "../support/shared-stacks.ts";
import { succeeded, type TestProject } from "../support/stacks.ts";

let project: TestProject;
let model: ScriptedModel;
let old: OldInstallation;

beforeAll(async () => {
  model = await startScriptedModel({ host: "0.0.0.0" });
  project = await ownProject({
    letta: { images: "local" },
    thoth: { env: { THOTH_STAND_IN_START_SECONDS: "1" } },
  });
  const [pluginPort] = await freePorts(1);
  const ports = project.configured<object>(project.thoth, "ports");
  project.configure(project.thoth, { ports: { ...ports, letta: pluginPort } });
  const images = { ...(await oldImages(project)), thoth: await faithfulThoth() };
  old = await startOldInstallation(project, images, model.port);
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
      `${old.network} (${project.configured(project.letta, "subnet")}): created again`,
      `${old.client}: gets to the new network`,
      `${project.letta}: volumePrefix = ${project.letta}-adopted`,
      "LETTA_PG_URI: not needed",
      "LETTA_PG_POOL_SIZE: renamed, thoth-letta:sizes.server.poolSize",
      "OPENAI_API_KEY: taken, thoth-letta:secretEnv.OPENAI_API_KEY",
      "OPENAI_BASE_URL: taken, thoth-letta:env.OPENAI_BASE_URL",
      "GROQ_API_KEY: not needed, is empty",
      "DATABASE_URL: not needed, the project has its own database",
      "OPENROUTER_API_KEY: taken, with envFile",
    ]) {
      expect(stdout).toContain(line);
    }
    expect(stdout).not.toMatch(/sk-old-(key|router)/);
    expect(await agentIds(old.endpoint)).toEqual(old.agents);
  });
});

describe("an adoption that is killed again and again", () => {
  let files: string;
  let adopted: string;

  test("leaves the old data alone, and goes on each time", async () => {
    await killedAt(/copying .*Postgres 15/);
    expect(await isRunning(old.containers.postgres)).toBe(false);
    files = await old.files();
    await killedAt(/is now called/);
    await killedAt(/copied database letta/);
    await killedAt(/draining/);
  });

  test("takes everything over in the end", async () => {
    adopted = succeeded(await adopt()).stdout;
    expect(adopted).toContain("adopted: letta, thoth");
    expect(await agentIds(await project.lettaEndpoint())).toEqual(expect.arrayContaining([...old.agents]));
    expect(await project.psql("select count(*), nextval('papers_id_seq') from papers", "thoth")).toBe("50|51");
    expect(await project.psql("select distinct tableowner from pg_tables where tablename = 'papers'", "thoth")).toBe(
      "thoth",
    );
    expect(await old.files(), "the old volume is untouched").toBe(files);
  });

  test("works on: an agent that it brought answers", async () => {
    await say(await project.lettaEndpoint(), old.agents[0] ?? "", "are you there?");
  });

  test("took the settings, and put the other application on the new network", async () => {
    expect(project.configured(project.letta, "sizes")).toEqual({ server: { poolSize: 20 } });
    expect(project.configured<string[]>(project.letta, "allowedOrigins")).toContain("https://notes.example.org");
    expect(project.configured(project.letta, "secretEnv")).toEqual({ OPENAI_API_KEY: { secure: expect.any(String) } });
    expect(project.configured(project.thoth, "envFile")).toBe(join(project.folder, ".env"));
    expect(project.configured(project.thoth, "image")).toMatch(/test-faithful-thoth/);
    expect(await networkContainers(old.network)).toContain(old.client);
    succeeded(await project.pulumi(["preview", "--expect-no-changes", "--stack", project.letta]));
  });

  test("brought Thoth up too, and Obsidian's plugin finds the old agents where it was told", async () => {
    const { urls, containers } = await project.thothOutputs();
    for (const name of containers) expect(await isRunning(name), name).toBe(true);
    expect((await fetch(`${urls.mcp}/health`)).ok).toBe(true);
    const [plugin = ""] = /Letta endpoint (\S+),/.exec(adopted)?.slice(1) ?? [];
    const answer = await fetch(`${plugin}/v1/agents/`, { headers: { origin: "app://obsidian.md" } });
    const agents = (await answer.json()) as { id: string }[];
    expect(agents.map(({ id }) => id)).toEqual(expect.arrayContaining([...old.agents]));
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
    expect(await agentIds(await project.lettaEndpoint())).toEqual(expect.arrayContaining([...old.agents, added]));
  });
});
