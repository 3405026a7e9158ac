import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { dockerOutput, inspectContainer } from "../../infra/lib/docker/engine.ts";
import type { LettaEndpoint } from "../../infra/lib/letta/api.ts";
import { say } from "../support/conversation.ts";
import { removeProject } from "../support/engine-objects.ts";
import { agentIds, populateLetta } from "../support/letta-agents.ts";
import { oldImages } from "../support/plain-letta.ts";
import { type ScriptedModel, startScriptedModel } from "../support/scripted-model.ts";
import { ownProject } from "../support/shared-stacks.ts";
import { succeeded, type TestProject } from "../support/stacks.ts";

/** `docker run letta/letta`, with its Postgres inside and the data in a folder of this host, as most people have Letta. */

let project: TestProject;
let model: ScriptedModel;
let image: string;
let old: LettaEndpoint;
let container: string;
let folder: string;
let agents: readonly string[];

beforeAll(async () => {
  model = await startScriptedModel({ host: "0.0.0.0" });
  project = await ownProject({ letta: { images: "local" } });
  image = (await oldImages(project)).letta;
  const { server } = project.configured<{ server: number }>(project.letta, "ports");
  old = { url: `http://127.0.0.1:${server}`, password: "" };
  container = `${project.letta}-by-hand`;
  folder = join(project.folder, ".letta/.persist/pgdata");
  mkdirSync(folder, { recursive: true });
  await dockerOutput([
    ...[
      "run",
      "--detach",
      "--name",
      container,
      "--restart",
      "always",
      "--volume",
      `${folder}:/var/lib/postgresql/data`,
    ],
    ...["--publish", `${server}:8283`, "--add-host", "host.docker.internal:host-gateway"],
    ...["--env", "OPENAI_API_KEY=sk-old-key", "--env", `OPENAI_BASE_URL=http://host.docker.internal:${model.port}/v1`],
    image,
  ]);
  await answers();
  agents = await populateLetta(old, model.port, 2);
});
afterAll(async () => {
  await model.close();
  removeProject(project.suffix);
});

const adopt = (...args: string[]) => project.command(["adopt", "installation", "--yes", ...args]);
const answers = () =>
  vi.waitFor(async () => expect((await fetch(`${old.url}/v1/health/`)).ok).toBe(true), { timeout: 600_000 });

/** Every file of the folder with owner, mode, size and time, and the checksum of them all. */
function files(): Promise<string> {
  const script = "find . -printf '%p %U %m %s %T@\\n' | sort; find . -type f -exec sha256sum {} + | sort | sha256sum";
  const run = ["run", "--rm", "--network", "none", "--volume", `${folder}:/old:ro`, "--workdir", "/old", "--user", "0"];
  return dockerOutput([...run, "--entrypoint", "sh", image, "-c", script]);
}

test("a start is refused while it has the port, and names the adoption", async () => {
  const { exitCode, output } = await project.command(["letta", "start"]);
  expect(exitCode).not.toBe(0);
  expect(output).toMatch(
    new RegExp(`taken by container ${container}, an older installation of Letta\\s+fix: make adopt`),
  );
});

test("a dry run tells what was found, and leaves it running", async () => {
  const { stdout } = succeeded(await adopt("--dry-run"));
  for (const line of [
    `${folder}: dumped to files, then copied; never written to`,
    `${container}: stopped; kept`,
    "OPENAI_API_KEY: taken, thoth-letta:secretEnv.OPENAI_API_KEY",
    "ports that other hosts reached are for this host alone",
  ]) {
    expect(stdout).toContain(line);
  }
  expect(stdout).not.toContain("sk-old-key");
  expect(await agentIds(old)).toEqual(agents);
});

test("is taken over while it runs, though nobody stops its Postgres", async () => {
  const { stdout } = succeeded(await adopt());
  expect(stdout).toContain("adopted: letta");
  expect(stdout).toContain("next: make thoth-start");
  expect(await agentIds(await project.lettaEndpoint())).toEqual(agents);
  expect(await agentIds(await project.projectEndpoint())).toEqual(agents);
  await say(await project.lettaEndpoint(), agents[0] ?? "", "are you there?");
  expect((await inspectContainer(container))?.State.Running).toBe(false);
});

test("is reported by a second run, which changes nothing", async () => {
  const { stdout } = succeeded(await adopt());
  expect(stdout).toContain(`has adopted ${folder} already`);
  succeeded(await project.pulumi(["preview", "--expect-no-changes", "--stack", project.letta]));
});

test("comes back as it was, and starts with the engine again", async () => {
  succeeded(await project.command(["adopt", "undo", "--yes"]));
  await answers();
  expect(await agentIds(old)).toEqual(agents);
  const format = "{{.HostConfig.RestartPolicy.Name}}";
  expect((await dockerOutput(["inspect", "--format", format, container])).trim()).toBe("always");
});

test("is taken over again once it is stopped, with what was written since; its folder is read alone", async () => {
  const [added = ""] = await populateLetta(old, model.port, 1);
  await dockerOutput(["stop", container]);
  const before = await files();
  succeeded(await adopt());
  expect(await agentIds(await project.lettaEndpoint())).toEqual([...agents, added].sort());
  expect(await files()).toBe(before);
});
