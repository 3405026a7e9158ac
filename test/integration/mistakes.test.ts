import { createServer } from "node:net";
import { beforeAll, describe, expect, test } from "vitest";
import { dockerOutput } from "../../infra/lib/docker/engine.ts";
import { freePorts, freeSubnets } from "../support/free-places.ts";
import { ownPrefix, ownProject } from "../support/shared-stacks.ts";
import { imageSource, presentImage, type StackConfig, succeeded, type TestProject } from "../support/stacks.ts";
import { typed } from "../support/typed.ts";
import { blocks } from "../unit/docs/blocks.ts";

let project: TestProject;
beforeAll(async () => {
  project = await ownProject();
});

/** Runs an up that must fail with this config, and leave nothing on the engine; returns what it said. */
async function refusal(stack: "letta" | "thoth", config: StackConfig = {}, env: Record<string, string> = {}) {
  const name = project[stack];
  const before = Object.fromEntries(Object.keys(config).map((key) => [key, project.configured(name, key)]));
  project.configure(name, config);
  try {
    const { exitCode, output } = await project.pulumi(["up", "--yes", "--skip-preview", "--stack", name], { env });
    expect(exitCode).not.toBe(0);
    expect(output).not.toMatch(/at .*\.ts:\d+/);
    return output;
  } finally {
    project.configure(name, before);
    for (const kind of ["container", "network", "volume"]) {
      const format = kind === "container" ? "{{.Names}}" : "{{.Name}}";
      const flags = kind === "container" ? ["--all"] : [];
      const names = await dockerOutput([kind, "ls", ...flags, "--format", format]);
      expect(names.split("\n").filter((object) => object.startsWith(`${name}-`))).toEqual([]);
    }
  }
}

describe("config", () => {
  test("is refused with all its mistakes at once, each with the command that fixes it", async () => {
    const output = await refusal("letta", {
      imges: "local",
      subnet: "10.1.2.3/24",
      projects: ["Thoth"],
      sizes: { server: { workers: 0 } },
    });
    const stack = project.letta;
    expect(output).toContain(`4 mistakes in Pulumi.${stack}.yaml`);
    expect(output).toContain(`pulumi config rm --path 'thoth-letta:imges' -s ${stack}`);
    expect(output).toContain("must start at 10.1.2.0");
    expect(output).toContain(`pulumi config set --path 'thoth-letta:projects[0]' VALUE -s ${stack}`);
    expect(output).toContain(`pulumi config set --path 'thoth-letta:sizes.server.workers' VALUE -s ${stack}`);
  });

  test("with an unknown kind of stack is refused", async () => {
    expect(await refusal("letta", { kind: "leta" })).toContain(`pulumi config set kind letta -s ${project.letta}`);
  });
});

test("a second letta stack is accepted as the docs make it, next to whatever runs here", async () => {
  const lines = blocks.flatMap(({ commands }) => commands);
  const ofLetta = lines.filter((line) => /^pulumi (stack init|config set .*-s) letta-staging\b/.test(line));
  expect(ofLetta.length).toBeGreaterThan(3);
  await typed(project, ofLetta.join("\n"));
  const [postgres, server, gateway] = await freePorts(3);
  project.configure("letta-staging", { images: imageSource(), ports: { postgres, server, gateway } });
  succeeded(await project.pulumi(["preview", "--stack", "letta-staging"]));
});

describe("Thoth", () => {
  test("does not start without a letta stack, and says how to start one", async () => {
    const output = await refusal("thoth");
    expect(output).toContain(`the letta stack "${project.letta}" is not there or was never brought up`);
    expect(output).toContain(`fix: pulumi up -s ${project.letta}`);
  });
});

describe("what something else on this host has", () => {
  test("a port: the message names it, its key and the fix", async () => {
    const [port] = (await freePorts(1)) as [number];
    const listener = createServer().listen(port, "127.0.0.1");
    const ports = project.configured<Record<string, number>>(project.letta, "ports");
    const output = await refusal("letta", { ports: { ...ports, gateway: port } });
    listener.close();
    expect(output).toContain(`port ${port} (ports.gateway) is taken by another process on this host`);
    expect(output).toContain(`pulumi config set --path 'thoth-letta:ports.gateway' PORT -s ${project.letta}`);
  });

  test("a container's port: the message names the container", async () => {
    const [postgres] = (await freePorts(1)) as [number];
    const other = `${ownPrefix()}-other`;
    const published = ["--publish", `127.0.0.1:${postgres}:6379`, presentImage("redis"), "sleep", "600"];
    await dockerOutput(["run", "--detach", "--init", "--name", other, ...published]);
    const ports = project.configured<Record<string, number>>(project.letta, "ports");
    const output = await refusal("letta", { ports: { ...ports, postgres } });
    await dockerOutput(["rm", "--force", "--volumes", other]);
    expect(output).toContain(`port ${postgres} (ports.postgres) is taken by container ${other}`);
  });

  test("a subnet: the message names the network", async () => {
    const [subnet] = (await freeSubnets(1)) as [string];
    const other = `${ownPrefix()}-network`;
    await dockerOutput(["network", "create", "--subnet", subnet, other]);
    const output = await refusal("letta", { subnet });
    await dockerOutput(["network", "rm", other]);
    expect(output).toContain(`subnet ${subnet} overlaps with Docker network ${other}`);
  });

  test("a container's name: the message says how to rename the container", async () => {
    const id = (await dockerOutput(["create", "--name", `${project.letta}-redis`, presentImage("redis")])).trim();
    const output = await project.pulumi(["up", "--yes", "--skip-preview", "--stack", project.letta]);
    expect(await dockerOutput(["ps", "--all", "--quiet", "--no-trunc", "--filter", `name=${project.letta}-`])).toBe(
      `${id}\n`,
    );
    await dockerOutput(["rm", "--volumes", id]);
    expect(output.exitCode).not.toBe(0);
    expect(output.output).toContain(`container ${project.letta}-redis exists and is not this stack's`);
  });
});

describe("the engine and the state", () => {
  test("an engine that does not answer is reported as that", async () => {
    const output = await refusal("letta", {}, { DOCKER_HOST: "unix:///nonexistent/docker.sock" });
    expect(output).toContain("the Docker engine does not answer");
  });

  test("a wrong passphrase is refused before anything is done", async () => {
    const wrong = { PULUMI_CONFIG_PASSPHRASE_FILE: "", PULUMI_CONFIG_PASSPHRASE: "wrong" };
    expect(await refusal("letta", {}, wrong)).toContain("incorrect passphrase");
  });
});
