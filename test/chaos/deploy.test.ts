import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import YAML from "yaml";
import { dockerOutput } from "../../infra/lib/docker/engine.ts";
import { root } from "../../scripts/lib/checkout.ts";
import { OtherHost } from "../support/other-host.ts";
import { ownPrefix, ownProject } from "../support/shared-stacks.ts";
import { SshEngine } from "../support/ssh-engine.ts";
import { imageSource, presentImage, succeeded, type TestProject } from "../support/stacks.ts";
import { typed } from "../support/typed.ts";

/** The steps of .github/workflows, run as CI would: the state in S3, the engine on another host, no folder shared but a checkout. */
const storage = new OtherHost(ownPrefix());
const engine = new SshEngine();
let project: TestProject;

beforeAll(async () => {
  await storage.start();
  const { bucket, accessKey, secretKey } = await storage.s3("state", "http");
  const address = (
    await dockerOutput(["inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", storage.name])
  ).trim();
  Object.assign(engine.env, {
    PULUMI_BACKEND_URL: `s3://${bucket}?endpoint=http://${address}:9000&region=us-east-1&s3ForcePathStyle=true`,
    AWS_ACCESS_KEY_ID: accessKey,
    AWS_SECRET_ACCESS_KEY: secretKey,
    NO_PROXY: [process.env.NO_PROXY, address].filter(Boolean).join(","),
  });
  const names = ["postgres", "redis", "nginx", "letta", "backup", "page", "thoth"];
  await engine.start(names.map((name) => presentImage(name)));
  project = await ownProject({ place: engine, thoth: { shape: undefined, vault: "/srv/vault", user: "1000:1000" } });
});
afterAll(async () => {
  await engine.remove();
  await storage.remove();
});

/** The commands of a workflow's job, in order. */
function stepsOf(workflow: string, job: string): string[] {
  const text = readFileSync(join(root, ".github/workflows", `${workflow}.yml`), "utf8");
  const { jobs } = YAML.parse(text) as { jobs: Record<string, { steps: { run?: string }[] }> };
  return (jobs[job]?.steps ?? []).flatMap(({ run }) => run ?? []);
}

/** Runs a command line of a workflow in the checkout, on the test's project. @returns what it prints */
const step = (line: string) => typed(project, line, { folder: root });

describe("a deployment by CI", () => {
  test("brings both stacks up on the engine of another host", async () => {
    expect(imageSource()).toBe("local");
    for (const job of ["letta", "thoth"]) for (const line of stepsOf("deploy", job)) await step(line);
    // The engine's own verdict comes with its first check, after the start has returned.
    const running = () => engine.other.docker(["ps", "--format", "{{.Names}} {{.Status}}"]);
    const healthy = (name: string) => new RegExp(`${name} .*\\(healthy\\)`);
    await expect.poll(running, { timeout: 60_000 }).toMatch(healthy(`${project.letta}-server`));
    await expect.poll(running, { timeout: 60_000 }).toMatch(healthy(`${project.thoth}-all-in-one`));
    expect(await dockerOutput(["ps", "--all", "--quiet", "--filter", `name=${project.letta}-`])).toBe("");
  });

  test("made the vault there, for its owner", () => {
    const owner = engine.other.docker([
      "exec",
      `${project.thoth}-all-in-one`,
      "stat",
      "-c",
      "%u:%g",
      "/vault/thoth/papers",
    ]);
    expect(owner.trim()).toBe("1000:1000");
  });

  test("changes nothing the second time", async () => {
    const before = engine.other.docker(["ps", "--no-trunc", "--format", "{{.ID}}"]);
    for (const job of ["letta", "thoth"]) for (const line of stepsOf("deploy", job)) await step(line);
    const after = engine.other.docker(["ps", "--no-trunc", "--format", "{{.ID}}"]);
    expect(after).toBe(before);
  });

  test("previews a change for a pull request's comment", async () => {
    project.configure(project.letta, { contextWindowLimit: 64_000 });
    const [, preview = ""] = stepsOf("preview", "preview");
    const markdown = await step(preview.replace("| tee preview.md", ""));
    project.configure(project.letta, { contextWindowLimit: undefined });
    expect(markdown).toContain(`### stack ${project.letta}: `);
    expect(markdown).toMatch(/\| restart \| .*server is replaced/);
    expect(markdown).toContain(`### stack ${project.thoth}: nothing to change`);
  });

  test("is refused while another one runs, and told so", async () => {
    const both = await Promise.all([
      project.command(["letta", "start", "--yes", "--force"]),
      project.command(["letta", "start", "--yes", "--force"]),
    ]);
    expect(both.map(({ exitCode }) => exitCode).sort()).toEqual([0, 1]);
    expect(both.find(({ exitCode }) => exitCode === 1)?.output).toMatch(/another run is at work|locked by/);
    succeeded(await project.command(["letta", "status"]));
  });

  test("finds at night what was changed by hand", async () => {
    engine.other.docker(["rm", "--force", `${project.letta}-page`]);
    const [, doctor = ""] = stepsOf("nightly", "doctor");
    await expect(step(doctor)).rejects.toThrow();
    succeeded(await project.command(["letta", "start", "--yes"]));
  });
});
