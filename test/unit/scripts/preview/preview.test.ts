import { describe, expect, test } from "vitest";
import { UserError } from "../../../../infra/lib/errors.ts";
import { startLettaAsking } from "../../../../scripts/letta/start.ts";
import type { OwnClients } from "../../../../scripts/lib/clients.ts";
import { changesOf } from "../../../../scripts/lib/preview/changes.ts";
import type { PreviewedResource, PreviewStep } from "../../../../scripts/lib/preview/steps.ts";
import { preview } from "../../../../scripts/preview/preview.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import type { FakeAnswers } from "../../../support/fake-programs.ts";
import { fakeStacks, networkOf } from "../../../support/fake-stacks.ts";

const types = {
  container: "docker:index/container:Container",
  volume: "docker:index/volume:Volume",
  network: "docker:index/network:Network",
  password: "random:index/randomPassword:RandomPassword",
};
const dynamic = (provider: string) => `pulumi-nodejs:dynamic/thoth-letta:${provider}`;

/** A step as Pulumi prints it, shortened. */
function step(op: string, type: string, name: string, state: Partial<PreviewedResource> = {}): PreviewStep {
  const resource = { type, ...state };
  const states = op === "create" ? { newState: resource } : { oldState: resource, newState: resource };
  return { op, urn: `urn:pulumi:letta::thoth-letta::${type}::${name}`, ...states };
}

const serverSteps: PreviewStep[] = [
  {
    ...step("replace", types.container, "server-container", {
      modified: "2026-11-29T02:15:27.0Z",
      inputs: {
        name: "letta-server",
        mounts: [
          { type: "volume", source: "letta-home" },
          { type: "volume", source: "letta-server-credentials", readOnly: true },
        ],
      },
    }),
    diffReasons: ["envs"],
  },
  step("update", dynamic("readiness"), "server-ready", { modified: "2026-11-29T02:15:44.8Z" }),
];

describe("a change", () => {
  test("of a container says how long it was away the last time, and which data stays", () => {
    expect(changesOf(serverSteps)).toEqual([
      {
        resource: "server-container",
        risk: "restart",
        effect: "letta-server is replaced",
        because: ["envs"],
        container: "letta-server",
        awaySeconds: 18,
        volumes: ["letta-home"],
      },
    ]);
  });

  test("of a container whose readiness was checked again much later says no time", () => {
    const [container, ready] = serverSteps as [PreviewStep, PreviewStep];
    const later = { ...ready, oldState: { type: "", modified: "2026-11-30T02:15:44Z" } };
    expect(changesOf([container, later])[0]?.awaySeconds).toBeUndefined();
  });

  test.each<[op: string, type: string, name: string, state: Partial<PreviewedResource>, risk: string, effect: RegExp]>([
    ["create", types.container, "api", { inputs: { name: "thoth-api" } }, "none", /^thoth-api is created/],
    ["delete", types.container, "api", { inputs: { name: "thoth-api" } }, "restart", /^thoth-api is removed$/],
    ["delete", types.volume, "v", { inputs: { name: "v" }, retainOnDelete: true }, "data", /the engine keeps it$/],
    ["delete", types.volume, "v", { inputs: { name: "v" } }, "data", /^volume v is deleted$/],
    ["replace", types.network, "n", { inputs: { name: "n" } }, "restart", /every container on it$/],
    ["replace", types.password, "key", {}, "data", /^secret key is replaced/],
    ["update", dynamic("migration"), "m", {}, "data", /migrated/],
    ["delete", dynamic("database"), "thoth-database", {}, "restart", /its data stays$/],
    ["create", dynamic("database"), "new-database", {}, "none", /^new-database: database, roles/],
  ])("%s of %s %s", (op, type, name, state, risk, effect) => {
    expect(changesOf([step(op, type, name, state)])).toMatchObject([{ risk, effect: expect.stringMatching(effect) }]);
  });

  test("with the highest risk comes first; what only belongs to another one is left out", () => {
    const steps = [
      step("create", types.volume, "v"),
      ...serverSteps,
      step("replace", types.password, "key"),
      step("update", dynamic("network-clients"), "network-clients"),
      step("create-replacement", types.container, "server-container"),
      step("delete-replaced", types.container, "server-container"),
    ];
    expect(changesOf(steps).map(({ risk }) => risk)).toEqual(["data", "restart", "none"]);
  });
});

const previews = (steps: readonly PreviewStep[]): FakeAnswers => ({
  "preview --json --stack letta": { stdout: JSON.stringify({ steps }) },
  "preview --json --stack thoth": { stdout: JSON.stringify({ steps: [] }) },
});
const session: FakeAnswers = { "exec -i letta-postgres psql": { stdout: "thoth\n" } };
const busyNetwork: FakeAnswers = { "network inspect": networkOf("letta-server", "a-script") };

describe("preview", () => {
  async function run(steps: readonly PreviewStep[], options = {}) {
    fakeStacks({ pulumi: previews(steps), docker: busyNetwork });
    const deps = fakeDeps();
    const stacks = { lettaStack: "letta", thothStack: "thoth", json: false, markdown: false };
    expect(await preview({ ...stacks, ...options }, deps)).toBe(0);
    return deps.printed.join("\n");
  }

  test("shows each change with its risk, the time away, and who is connected", async () => {
    const printed = await run(serverSteps);
    expect(printed).toMatch(/^stack letta: 1 change, risk restart, away for about 18 s$/m);
    expect(printed).toMatch(/│ restart │ letta-server is replaced \(envs\); letta-home stay +│ about 18 s │/);
    expect(printed).toMatch(/^ {2}container a-script \(started by hand\)$/m);
    expect(printed).toMatch(/^stack thoth: nothing to change$/m);
  });

  test("prints Markdown for a comment, and JSON", async () => {
    const comment = await run(serverSteps, { markdown: true, stack: "letta" });
    expect(comment).toContain("### stack letta: 1 change, risk restart, away for about 18 s\n");
    expect(comment).toContain("| restart | letta-server is replaced (envs); letta-home stay | about 18 s |");
    expect(comment).toContain("- container a-script (started by hand)");
    const [letta, thoth] = JSON.parse(await run(serverSteps, { json: true }));
    expect(letta).toMatchObject({ stack: "letta", risk: "restart", awaySeconds: 18 });
    expect(thoth).toEqual({ stack: "thoth", risk: "none", changes: [], awaySeconds: null, clients: [] });
  });

  test("that fails says what Pulumi says", async () => {
    const diagnostics = [{ severity: "error", message: "thoth-letta:projects: a name is not valid\n" }];
    const stdout = JSON.stringify({ diagnostics });
    fakeStacks({ pulumi: { "preview --json": { exitCode: 255, stdout } } });
    const options = { lettaStack: "letta", thothStack: "thoth", stack: "letta", json: false, markdown: false };
    await expect(preview(options, fakeDeps())).rejects.toThrow(
      new UserError(
        "a preview of stack letta fails: thoth-letta:projects: a name is not valid",
        "pulumi preview --stack letta",
      ),
    );
  });
});

describe("letta start", () => {
  async function start(
    steps: readonly PreviewStep[],
    docker: FakeAnswers,
    options: { yes?: boolean; own?: OwnClients } = {},
  ) {
    const programs = fakeStacks({ pulumi: previews(steps), docker });
    const deps = fakeDeps();
    const exitCode = await startLettaAsking({ stack: "letta", yes: false, ...options }, deps);
    return { exitCode, printed: deps.printed, updated: programs.calls().some((call) => call.startsWith("pulumi up")) };
  }

  test("asks before it takes Letta away from others, and says what it would do", async () => {
    const { exitCode, printed, updated } = await start(serverSteps, busyNetwork);
    expect([exitCode, updated]).toEqual([1, false]);
    expect(printed).toEqual([
      "stack letta: 1 change, risk restart, away for about 18 s",
      "  letta-server is replaced (envs); letta-home stay",
      "  connected: container a-script (started by hand)",
      "update it now?",
      "nothing was changed; to go ahead without a question: make this YES=1",
    ]);
  });

  test.each<[string, readonly PreviewStep[], FakeAnswers, { yes?: boolean; own?: OwnClients }]>([
    ["agreed", serverSteps, busyNetwork, { yes: true }],
    ["nobody else is connected", serverSteps, {}, {}],
    [
      "those connected come up next",
      serverSteps,
      { ...busyNetwork, ...session },
      { own: { containers: ["a-script"], projects: ["thoth"] } },
    ],
    ["nothing is taken away", [step("create", types.volume, "v")], busyNetwork, {}],
  ])("does not ask where %s", async (_, steps, docker, options) => {
    expect(await start(steps, docker, options)).toMatchObject({ exitCode: 0, updated: true });
  });
});
