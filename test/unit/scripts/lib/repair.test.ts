import { spawn, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { UserError } from "../../../../infra/lib/errors.ts";
import { repair } from "../../../../scripts/lib/repair.ts";
import { notThere } from "../../../support/container-state.ts";
import { type FakeDepsOptions, fakeDeps } from "../../../support/fake-deps.ts";
import { fakePrograms } from "../../../support/fake-programs.ts";
import { dockerAnswers, pulumiAnswers, temporaryBackend, without } from "../../../support/fake-stacks.ts";
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
  const resources = Object.entries(containers).map(([name, id]) => ({
    type: "docker:index/container:Container",
    id,
    outputs: { name },
  }));
  const others = [{ type: "docker:index/network:Network", id: "9", outputs: { name: "letta-network" } }];
  const deployment = { resources: [...others, ...resources], pending_operations: pending };
  return { "stack export --stack letta": { stdout: JSON.stringify({ deployment }) } };
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

async function repaired(
  answers: { docker?: object; pulumi?: object } = {},
  options: FakeDepsOptions = {},
): Promise<{ calls: string[]; printed: string[] }> {
  const programs = fakePrograms({
    docker: dockerAnswers({ rm: {}, ...answers.docker }),
    pulumi: pulumiAnswers({ ...answers.pulumi }),
  });
  const deps = fakeDeps(options);
  await repair(deps, "letta");
  return { calls: programs.calls(), printed: deps.printed };
}

describe("a lock", () => {
  test("of a process of this host that is gone is removed", async () => {
    const pid = deadProcess();
    const file = lock(temporaryBackend(), { pid });
    const { printed } = await repaired();
    expect(existsSync(file)).toBe(false);
    expect(printed).toEqual([`removing the lock of process ${pid}, which no longer runs`]);
  });

  test("of a Pulumi that lives is respected", async () => {
    const pid = livingPulumi();
    const file = lock(temporaryBackend(), { pid });
    await expect(repaired()).rejects.toThrow(
      new UserError(`another run is at work on stack letta (process ${pid} on ${hostname()})`, "wait for it"),
    );
    expect(existsSync(file)).toBe(true);
  });

  test("whose process id another program has now, after a reboot, is removed", async () => {
    const file = lock(temporaryBackend(), { pid: process.pid });
    await repaired();
    expect(existsSync(file)).toBe(false);
  });

  test("of another host is respected, as nobody here knows its processes", async () => {
    const file = lock(temporaryBackend(), { pid: deadProcess(), hostname: "elsewhere" });
    await expect(repaired()).rejects.toThrow(/another run is at work on stack letta \(process \d+ on elsewhere\)/);
    expect(existsSync(file)).toBe(true);
  });

  test("of another stack does not count", async () => {
    const file = lock(temporaryBackend(), { pid: process.pid }, "letta-staging");
    await repaired();
    expect(existsSync(file)).toBe(true);
  });

  test("of a backend that is not a folder is left to that backend", async () => {
    temporaryBackend();
    withEnvironment({ PULUMI_BACKEND_URL: "s3://bucket?region=eu-west-1" });
    await expect(repaired()).resolves.toMatchObject({ printed: [] });
  });

  test.each(["file://~/state", "file://./state", "file://~/state?no_tmp_dir=true"])("is found in %s", async (url) => {
    temporaryBackend();
    const projectDirectory = temporaryFolder();
    withEnvironment({ PULUMI_BACKEND_URL: url, HOME: projectDirectory });
    const file = lock(join(projectDirectory, "state"), { pid: deadProcess() });
    await repaired({}, { projectDirectory });
    expect(existsSync(file)).toBe(false);
  });
});

describe("containers", () => {
  test("that the state knows stay", async () => {
    temporaryBackend();
    const { calls, printed } = await repaired({
      docker: engineHas("id-1\tletta-redis"),
      pulumi: state({ "letta-redis": "id-1" }),
    });
    expect(printed).toEqual([]);
    expect(calls).toEqual([
      "pulumi stack export --stack letta",
      "docker ps --all --no-trunc --filter label=thoth-letta.prefix=letta --format {{.ID}}\t{{.Names}}",
      "docker container inspect letta-redis",
    ]);
  });

  test("that the state does not know are removed, but never a volume of theirs", async () => {
    temporaryBackend();
    const { calls, printed } = await repaired({
      docker: engineHas("id-1\tletta-redis", "id-2\tletta-nginx"),
      pulumi: state({ "letta-redis": "id-1" }),
    });
    expect(printed).toEqual(["removing letta-nginx: an interrupted run left it"]);
    expect(calls.filter((call) => call.startsWith("docker rm"))).toEqual(["docker rm --force letta-nginx"]);
  });

  test("are found by the stack's prefix, which need not be its name", async () => {
    temporaryBackend();
    const projectDirectory = temporaryFiles({ "Pulumi.letta.yaml": "config:\n  thoth-letta:prefix: shared\n" });
    const { calls } = await repaired({}, { projectDirectory });
    expect(calls[1]).toContain("--filter label=thoth-letta.prefix=shared ");
  });

  test("that the engine has lost cause a refresh of the state", async () => {
    temporaryBackend();
    const { calls, printed } = await repaired({
      docker: { "container inspect letta-redis": notThere },
      pulumi: state({ "letta-redis": "id-1", "letta-nginx": "id-2" }),
    });
    expect(printed).toEqual(["the engine and the state differ: refreshing the state"]);
    expect(calls.at(-1)).toBe(refresh);
  });
});

test("interrupted operations cause a refresh of the state", async () => {
  temporaryBackend();
  const { calls } = await repaired({ pulumi: state({}, [{ type: "creating" }]) });
  expect(calls.at(-1)).toBe(refresh);
});

test("a stack without a state has nothing to repair", async () => {
  temporaryBackend();
  const { calls } = await repaired({ pulumi: without("letta") });
  expect(calls).toEqual([
    "pulumi stack export --stack letta",
    "pulumi stack ls --json",
    "docker ps --all --no-trunc --filter label=thoth-letta.prefix=letta --format {{.ID}}\t{{.Names}}",
  ]);
});

describe("an empty state, of a checkout that is new or has lost its own,", () => {
  const empty = { "stack export --stack letta": { stdout: '{"deployment": {}}' } };
  const volumes = (...names: string[]) => ({
    ...Object.fromEntries(names.map((name) => [`volume inspect ${name}`, {}])),
    "volume inspect": { exitCode: 1 },
  });

  test("is fine where there is nothing else", async () => {
    temporaryBackend();
    expect(await repaired({ pulumi: empty, docker: volumes() })).toMatchObject({ printed: [] });
  });

  test.each([
    ["containers", engineHas("1\tletta-redis", "2\tletta-nginx"), "containers letta-redis, letta-nginx"],
    ["volumes", volumes("letta-home", "letta-backup"), "volumes letta-backup, letta-home"],
  ])("leaves the stack's %s alone, and names them", async (_what, found, named) => {
    temporaryBackend();
    const programs = fakePrograms({
      docker: dockerAnswers({ ...found, ...volumes() }),
      pulumi: pulumiAnswers(empty),
    });
    await expect(repair(fakeDeps(), "letta")).rejects.toThrow(
      new UserError(
        `stack letta has no state here, but the engine has ${named}`,
        "if another checkout of this project made them, use that one; if its state is lost: make letta-recover",
      ),
    );
    expect(programs.calls().filter((call) => call.startsWith("docker rm"))).toEqual([]);
  });

  test("of Thoth, which has no data, is fixed by removing what is there", async () => {
    temporaryBackend();
    fakePrograms({
      docker: dockerAnswers(engineHas("1\tthoth-api", "2\tthoth-mcp")),
      pulumi: pulumiAnswers({ "stack export --stack thoth": { stdout: '{"deployment": {}}' } }),
    });
    await expect(repair(fakeDeps(), "thoth")).rejects.toThrow(
      "docker rm --force thoth-api thoth-mcp; docker network rm thoth-network (Thoth keeps nothing in them)",
    );
  });
});
