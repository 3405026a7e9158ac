import { describe, expect, test } from "vitest";
import { roleProgram } from "../../../infra/components/thoth-role.ts";
import { parseThothConfig } from "../../../infra/config/thoth.ts";
import { UserError } from "../../../infra/lib/errors.ts";
import { type ThothRole, thothRoles } from "../../../infra/lib/names.ts";
import { temporaryFiles, temporaryFolder } from "../../support/temporary.ts";

const standIn = "thoth-letta/thoth-standin:1-0123456789ab";
const repository = "registry.example.org/thoth";
const configOf = (raw: object) => parseThothConfig({ ...raw }, "thoth", "/srv");

/** A role's program in a checkout where the stand-in is built. */
function programOf(role: ThothRole, raw: object = {}) {
  const root = temporaryFiles({ ".state/images.local.json": JSON.stringify({ thoth: standIn }) });
  return roleProgram(role, configOf(raw), root);
}

describe("the stand-in", () => {
  test.each([
    ["api", 8000],
    ["mcp", 8001],
    ["discovery", 8002],
    ["monitor", 8003],
  ] as const)("runs %s from its one image and serves its health on %i", (role, port) => {
    expect(programOf(role)).toEqual({
      image: standIn,
      command: ["thoth", role],
      port,
      ...{ files: [], memoryMiB: 512, processes: 256, cpus: undefined, readyTimeoutSeconds: 120, stopGraceSeconds: 15 },
      health: ["CMD", "curl", "-fsS", "-m", "4", "-o", "/dev/null", `http://127.0.0.1:${port}/health`],
      isStandIn: true,
    });
  });

  test("must be built first", () => {
    expect(() => roleProgram("api", configOf({}), temporaryFolder())).toThrow(UserError);
  });
});

describe("a folder of sources", () => {
  const source = "/home/me/thoth/src";

  test("runs in the stand-in's place, and is watched", () => {
    expect(programOf("mcp", { source })).toMatchObject({
      sourcePath: "/opt/thoth/src",
      command: ["node", "--watch", "/opt/thoth/src/main.ts", "mcp"],
    });
  });

  test("is watched for the published images' programs, those of the config included", () => {
    const roles = { monitor: { command: ["python", "-m", "thoth", "monitor"] } };
    for (const role of thothRoles) {
      const { command, sourcePath } = programOf(role, { source, repository, roles });
      const watcher = command.indexOf("--");
      expect(sourcePath).toBe("/app/src");
      expect(command.slice(0, watcher)).toEqual(
        expect.arrayContaining(["watchdog.watchmedo", "auto-restart", "/app/src"]),
      );
      expect(command.slice(watcher + 1)).toEqual(programOf(role, { repository, roles }).command);
    }
  });

  test("leaves another command of the stand-in as it is", () => {
    const roles = { api: { command: ["sleep", "1"] } };
    expect(programOf("api", { source, roles }).command).toEqual(["sleep", "1"]);
  });
});

describe("the images of a repository", () => {
  test("are one a role, and need nothing that was built here", () => {
    const programs = thothRoles.map((role) => roleProgram(role, configOf({ repository, release: "1.2" }), "/nowhere"));
    const images = ["api", "mcp", "discovery", "pdf-monitor"].map((name) => `${repository}/${name}:1.2`);
    expect(programs.map(({ image }) => image)).toEqual(images);
    expect(programs.some(({ isStandIn }) => isStandIn)).toBe(false);
  });

  test("are the latest alpha unless the config says which; a slash at the repository's end does no harm", () => {
    for (const given of [repository, `${repository}/`]) {
      expect(programOf("api", { repository: given }).image).toBe(`${repository}/api:alpha`);
    }
  });

  test("run the API in the program itself, whose end is the container's", () => {
    const { command } = programOf("api", { repository });
    expect(command.slice(0, 2)).toEqual(["python", "-c"]);
    expect(command.join(" ")).not.toContain("server start");
  });

  test.each([
    ["api", {}, 8000],
    ["mcp", {}, 8001],
    ["mcp", { port: 9000 }, 9000],
  ] as const)("let %s listen, with %j, where it is asked for its health", (role, settings, expected) => {
    const { command, health, port } = programOf(role, { repository, roles: { [role]: settings } });
    expect(command.join(" ")).toMatch(new RegExp(`port[= ]${expected}\\b`));
    expect(health.some((word) => word.endsWith(`=${expected}`))).toBe(true);
    expect(port).toBe(expected);
  });

  test("have the memory and the stop that they need, unless the config says otherwise", () => {
    const needs = thothRoles.map((role) => {
      const { memoryMiB, stopGraceSeconds } = programOf(role, { repository });
      return [memoryMiB, stopGraceSeconds];
    });
    expect(needs).toEqual([
      [1024, 15],
      [512, 15],
      [512, 5],
      [2048, 15],
    ]);
    const own = { memoryMiB: 4096, stopGraceSeconds: 60 };
    expect(programOf("monitor", { repository, roles: { monitor: own } })).toMatchObject(own);
  });

  test("are checked by a file in the container; discovery and monitor, which serve no health route, by their process", () => {
    for (const [role, ...checks] of [
      ["api", "api=8000", "letta=http://letta-proxy:8284"],
      ["mcp", "http=8001"],
      ["discovery", "process"],
      ["monitor", "process"],
    ] as const) {
      const { files, health } = programOf(role, { repository });
      expect(health).toEqual(["CMD", "python", "-IS", files[0]?.path, ...checks, "postgres"]);
    }
  });
});

describe("a role with its own image", () => {
  const own = { roles: { mcp: { image: "example/own:1" } } };

  test("runs that image the published way, rather than the repository's, next to the stand-in", () => {
    const command = ["python", "-m", "thoth", "mcp", "http", "--host", "0.0.0.0", "--port", "8001"];
    expect(programOf("mcp", own)).toMatchObject({ image: "example/own:1", command, isStandIn: false });
    expect(programOf("api", own)).toMatchObject({ image: standIn, isStandIn: true });
    expect(programOf("mcp", { ...own, repository }).image).toBe("example/own:1");
  });

  test("runs as the config says", () => {
    const settings = { image: "example/own:1", command: ["serve"], port: 9001, health: ["CMD-SHELL", "true"] };
    expect(programOf("mcp", { roles: { mcp: settings } })).toMatchObject({ ...settings, isStandIn: false });
  });

  test("may be a program without defaults, which is checked by its process", () => {
    const dashboard = { image: "example/own:1", command: ["python", "-m", "thoth", "research", "start-dashboard"] };
    const program = roleProgram("dashboard", configOf({ roles: { dashboard } }), "/nowhere");
    expect(program).toMatchObject({ ...dashboard, memoryMiB: 512, isStandIn: false });
    expect(program.health).toContain("process");
    expect(program).not.toHaveProperty("port");
  });
});
