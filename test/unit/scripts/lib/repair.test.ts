import { spawn, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { UserError } from "../../../../infra/lib/errors.ts";
import { repair } from "../../../../scripts/lib/repair.ts";
import { notThere } from "../../../support/container-state.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { fakeStacks, without } from "../../../support/fake-stacks.ts";
import { temporaryFiles, temporaryFolder, withEnvironment } from "../../../support/temporary.ts";

/** The number of a process that has ended. */
const deadProcess = () => spawnSync("true").pid;
const flags = "--yes --skip-preview --suppress-outputs --non-interactive --color never --suppress-progress";
const refresh = `pulumi refresh --stack letta --clear-pending-creates ${flags}`;

/** Puts a lock into a backend, as Pulumi writes it. */
function lock(backend: string, content: { pid: number; hostname?: string }, stack = "letta"): string {
  const file = join(backend, ".pulumi/locks/organization/thoth-letta", stack, "0123.json");
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify({ username: "someone", hostname: hostname(), ...content }));
  return file;
}

/** The state of a stack with these containers, name -> id. */
function state(containers: Readonly<Record<string, string>>, pending: readonly object[] = []) {
  const resource = (type: string, id: string, name: string) => ({ type, id, outputs: { name } });
  const resources = [
    resource("docker:index/network:Network", "9", "letta-network"),
    ...Object.entries(containers).map(([name, id]) => resource("docker:index/container:Container", id, name)),
  ];
  const stdout = JSON.stringify({ deployment: { resources, pending_operations: pending } });
  return { "stack export --stack letta": { stdout } };
}

/** A process that the system knows as `pulumi` and that ends with the test. */
function livingPulumi(): number {
  const program = join(temporaryFolder(), "pulumi");
  copyFileSync("/bin/sleep", program);
  chmodSync(program, 0o755);
  const child = spawn(program, ["60"], { stdio: "ignore" });
  onTestFinished(() => void child.kill());
  return child.pid ?? 0;
}

const engineHas = (...rows: string[]) => ({ "ps --all": { stdout: rows.map((row) => `${row}\n`).join("") } });

/** Fake programs, the lock that a run left if one did, and the repair of the stack. */
function prepared(answers: Parameters<typeof fakeStacks>[0] = {}, held?: Parameters<typeof lock>[1], stack?: string) {
  const programs = fakeStacks({ ...answers, docker: { rm: {}, ...answers.docker } });
  const backend = fileURLToPath(process.env.PULUMI_BACKEND_URL ?? "");
  const file = held === undefined ? "" : lock(backend, held, stack);
  const run = async (projectDirectory = temporaryFolder(), of = "letta") => {
    const deps = fakeDeps({ projectDirectory });
    await repair(deps, of);
    return { calls: programs.calls(), printed: deps.printed };
  };
  return { run, isHeld: () => existsSync(file), calls: programs.calls };
}

const repaired = (answers?: Parameters<typeof fakeStacks>[0]) => prepared(answers).run();

describe("a lock", () => {
  test.each([
    ["of a process of this host that is gone", deadProcess],
    ["whose process id another program has now, after a reboot,", () => process.pid],
  ])("%s is removed", async (_, holder) => {
    const pid = holder();
    const { run, isHeld } = prepared({}, { pid });
    expect((await run()).printed).toEqual([`removing the lock of process ${pid}, which no longer runs`]);
    expect(isHeld()).toBe(false);
  });

  test.each([
    ["of a Pulumi that lives", livingPulumi, hostname()],
    ["of another host, whose processes nobody here knows,", deadProcess, "elsewhere"],
  ])("%s is respected", async (_, holder, host) => {
    const pid = holder();
    const { run, isHeld } = prepared({}, { pid, hostname: host });
    await expect(run()).rejects.toThrow(
      new UserError(`another run is at work on stack letta (process ${pid} on ${host})`, "wait for it"),
    );
    expect(isHeld()).toBe(true);
  });

  test("of another stack does not count", async () => {
    const { run, isHeld } = prepared({}, { pid: process.pid }, "letta-staging");
    await run();
    expect(isHeld()).toBe(true);
  });

  test("of a backend that is not a folder is left to that backend", async () => {
    const { run } = prepared();
    withEnvironment({ PULUMI_BACKEND_URL: "s3://bucket?region=eu-west-1" });
    expect((await run()).printed).toEqual([]);
  });

  test.each(["file://~/state?no_tmp_dir=true", "file://./state"])("is found in %s", async (url) => {
    const { run } = prepared();
    const projectDirectory = temporaryFolder();
    withEnvironment({ PULUMI_BACKEND_URL: url, HOME: projectDirectory });
    const file = lock(join(projectDirectory, "state"), { pid: deadProcess() });
    await run(projectDirectory);
    expect(existsSync(file)).toBe(false);
  });
});

const engineHasContainers = "docker ps --all --filter label=thoth-letta.prefix=letta";

describe("containers", () => {
  test("that the state knows stay", async () => {
    const docker = engineHas("id-1\tletta-redis");
    const { calls, printed } = await repaired({ docker, pulumi: state({ "letta-redis": "id-1" }) });
    expect(printed).toEqual([]);
    const inspect = "docker container inspect letta-redis";
    expect(calls).toEqual(["pulumi stack export --stack letta", engineHasContainers, inspect]);
  });

  test("that the state does not know are removed, but never a volume of theirs", async () => {
    const docker = engineHas("id-1\tletta-redis", "id-2\tletta-nginx");
    const { calls, printed } = await repaired({ docker, pulumi: state({ "letta-redis": "id-1" }) });
    expect(printed).toEqual(["removing letta-nginx: an interrupted run left it"]);
    expect(calls.filter((call) => call.startsWith("docker rm"))).toEqual(["docker rm --force letta-nginx"]);
  });

  test("are found by the stack's prefix, which need not be its name", async () => {
    const projectDirectory = temporaryFiles({ "Pulumi.letta.yaml": "config:\n  thoth-letta:prefix: shared\n" });
    const { calls } = await prepared().run(projectDirectory);
    expect(calls[1]).toContain("--filter label=thoth-letta.prefix=shared");
  });
});

describe("the state is refreshed", () => {
  test("when the engine has lost a container", async () => {
    const docker = { "container inspect letta-redis": notThere };
    const pulumi = state({ "letta-redis": "id-1", "letta-nginx": "id-2" });
    const { calls, printed } = await repaired({ docker, pulumi });
    expect(printed).toEqual(["the engine and the state differ: refreshing the state"]);
    expect(calls.at(-1)).toBe(refresh);
  });

  test("after interrupted operations", async () => {
    const { calls } = await repaired({ pulumi: state({}, [{ type: "creating" }]) });
    expect(calls.at(-1)).toBe(refresh);
  });
});

test("a stack without a state has nothing to repair", async () => {
  const { calls } = await repaired({ pulumi: without("letta") });
  expect(calls).toEqual(["pulumi stack export --stack letta", "pulumi stack ls --json", engineHasContainers]);
});

describe("an empty state, of a checkout that is new or has lost its own,", () => {
  const pulumi = { "stack export": { stdout: '{"deployment": {}}' } };
  const volumes = (...names: string[]) => ({
    ...Object.fromEntries(names.map((name) => [`volume inspect ${name}`, {}])),
    "volume inspect": { exitCode: 1 },
  });

  test("is fine where there is nothing else", async () => {
    expect((await repaired({ pulumi, docker: volumes() })).printed).toEqual([]);
  });

  test.each([
    ["containers", engineHas("1\tletta-redis", "2\tletta-nginx"), "containers letta-redis, letta-nginx"],
    ["volumes", volumes("letta-home", "letta-backup"), "volumes letta-backup, letta-home"],
  ])("leaves the stack's %s alone, and names them", async (_what, found, named) => {
    const { run, calls } = prepared({ docker: { ...found, ...volumes() }, pulumi });
    await expect(run()).rejects.toThrow(
      new UserError(
        `stack letta has no state here, but the engine has ${named}`,
        "if another checkout of this project made them, use that one; if its state is lost: make letta-recover",
      ),
    );
    expect(calls().filter((call) => call.startsWith("docker rm"))).toEqual([]);
  });

  test("with an older installation's files, and no backups, names the adoption and no recovery", async () => {
    const { run } = prepared({ docker: volumes("letta-home"), pulumi });
    await expect(run()).rejects.toThrow(
      new UserError(
        "stack letta has no state here, but the engine has volumes letta-home",
        "make adopt takes an older installation over and keeps it; if another checkout of this project made them, use that one",
      ),
    );
  });

  test("of Thoth, which has no data, is fixed by removing what is there", async () => {
    const { run } = prepared({ docker: engineHas("1\tthoth-api", "2\tthoth-mcp"), pulumi });
    await expect(run(undefined, "thoth")).rejects.toThrow(
      "docker rm --force thoth-api thoth-mcp; docker network rm thoth-network (Thoth keeps nothing in them)",
    );
  });
});
