import { expect, test } from "vitest";
import { UserError } from "../../../../infra/lib/errors.ts";
import { reinitLetta } from "../../../../scripts/letta/reinit.ts";
import { inspected, notThere } from "../../../support/container-state.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { fakeDocker } from "../../../support/fake-docker.ts";
import type { FakeAnswers } from "../../../support/fake-programs.ts";
import { temporaryFiles } from "../../../support/temporary.ts";

const aside = "/var/lib/postgresql/data/pgdata.half-made.20261124T000000Z";
const engine = (changes: FakeAnswers = {}) =>
  fakeDocker({
    ...changes,
    "volume inspect": {},
    "container inspect letta-postgres": inspected({ Status: "restarting" }, { image: "postgres:17" }),
    "run ": { stdout: `${aside}\n` },
    ...changes,
  });
const project = (config = "") =>
  fakeDeps({ projectDirectory: temporaryFiles({ "Pulumi.letta.yaml": `config:\n${config}` }) });

test("the guard sets the cluster aside, in a container of the same image on the stack's volume, and nothing is stopped", async () => {
  const docker = engine();
  const deps = project();
  expect(await reinitLetta({ stack: "letta" }, deps)).toBe(0);
  const run = docker.calls().find((call) => call.startsWith("run "));
  expect(docker.calls().filter((call) => /^(stop|rm|kill)/.test(call))).toEqual([]);
  expect(run).toContain("--volume letta-postgres:/var/lib/postgresql/data --entrypoint bash postgres:17 -s set-aside");
  expect(docker.lastInput()).toContain("set_aside() {");
  expect(deps.printed).toEqual([`set aside in volume letta-postgres: ${aside}; next: make letta-start`]);
});

test("uses the volume in the config", async () => {
  const docker = engine();
  await reinitLetta({ stack: "letta" }, project("  thoth-letta:postgresVolume: restored\n"));
  expect(docker.calls().join("\n")).toContain("--volume restored:/var/lib/postgresql/data");
});

test("the guard's refusal is the message", async () => {
  engine({ "run ": { exitCode: 76, stderr: "REFUSED: it is no half-made one: nothing was changed\n" } });
  await expect(reinitLetta({ stack: "letta" }, project())).rejects.toThrow(
    new UserError("it is no half-made one: nothing was changed"),
  );
});

test("a missing volume is not created", async () => {
  const docker = engine({ "volume inspect": { exitCode: 1 }, "container inspect": notThere });
  await expect(reinitLetta({ stack: "letta" }, project())).rejects.toThrow(
    "there is no volume letta-postgres: nothing was ever started on it",
  );
  expect(docker.calls()).toEqual(["volume inspect letta-postgres"]);
});
