import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  keepLastUpdate,
  type LastUpdate,
  lastUpdateOf,
  readLastUpdate,
} from "../../../../../scripts/lib/last-update/record.ts";
import { programOf, repeatableUpdate } from "../../../../../scripts/lib/last-update/unchanged.ts";
import { readStateFile } from "../../../../../scripts/lib/state-file.ts";
import { fakeDeps } from "../../../../support/fake-deps.ts";
import { temporaryBackend } from "../../../../support/fake-stacks.ts";
import { withEnvironment } from "../../../../support/temporary.ts";

const update: LastUpdate = { outputs: { serverPassword: "s3cret" }, resources: [] };

/** A stack's state in a file backend, as Pulumi writes it. */
function writeState(backend: string, latest: object): void {
  const folder = join(backend, ".pulumi/stacks/thoth-letta");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "letta.json"), JSON.stringify({ version: 3, checkpoint: { stack: "letta", latest } }));
}

/** A stack whose last update is on record. */
async function recorded() {
  const backend = temporaryBackend();
  writeState(backend, { resources: [] });
  const deps = fakeDeps();
  const state = (await readStateFile(deps, "letta"))?.hash ?? "";
  await keepLastUpdate(deps, "letta", { state, program: "p1" }, update);
  return { deps, backend, state, file: join(deps.projectDirectory, ".state/updates/letta.json") };
}

test("an update is known by its state and its program, without a secret in the open", async () => {
  const { deps, file } = await recorded();
  expect(await readLastUpdate(deps, "letta")).toEqual(update);
  expect(await readLastUpdate(deps, "letta", "p1")).toEqual(update);
  expect(readFileSync(file, "utf8")).not.toContain("s3cret");
});

test.each<[string, (place: Awaited<ReturnType<typeof recorded>>) => void]>([
  ["the state has changed", ({ backend }) => writeState(backend, { resources: [{ urn: "another" }] })],
  ["the passphrase is another", () => withEnvironment({ PULUMI_CONFIG_PASSPHRASE: "another" })],
  ["the record was cut off", ({ file }) => writeFileSync(file, readFileSync(file, "utf8").slice(0, 50))],
  [
    "the record was changed",
    ({ file }) => writeFileSync(file, readFileSync(file, "utf8").replace(/"tag": "..../, '"tag": "AAAA')),
  ],
  ["the state is not in files here", () => withEnvironment({ PULUMI_BACKEND_URL: "s3://bucket" })],
])("nothing is known when %s", async (_, change) => {
  const place = await recorded();
  change(place);
  expect(await readLastUpdate(place.deps, "letta")).toBeUndefined();
});

test("an update can be repeated while no run of Pulumi holds a lock, whatever killed ones left beside theirs", async () => {
  const { deps, backend, state } = await recorded();
  await keepLastUpdate(deps, "letta", { state, program: await programOf(deps, "letta") }, update);
  const locks = join(backend, ".pulumi/locks/organization/thoth-letta/letta");
  mkdirSync(locks, { recursive: true });
  writeFileSync(join(locks, "old.json.attrs"), "{}");
  expect(await repeatableUpdate(deps, "letta")).toEqual(update);
  writeFileSync(join(locks, "new.json"), "{}");
  expect(await repeatableUpdate(deps, "letta")).toBeUndefined();
});

test("nothing is known of another program", async () => {
  const { deps } = await recorded();
  expect(await readLastUpdate(deps, "letta", "p2")).toBeUndefined();
});

test("what was read of a state that has changed meanwhile is not kept", async () => {
  const { deps, backend, state } = await recorded();
  writeState(backend, { resources: [{ urn: "another" }] });
  await keepLastUpdate(deps, "letta", { state, program: "p2" }, update);
  expect(await readLastUpdate(deps, "letta")).toBeUndefined();
});

test("a state gives the outputs and what the resources' own checks need, with secrets opened", () => {
  const secret = (value: unknown) => ({
    "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
    plaintext: JSON.stringify(value),
  });
  const probe = "pulumi-nodejs:dynamic/thoth-letta:letta-probe";
  const resources = [
    {
      urn: "s",
      type: "pulumi:pulumi:Stack",
      id: "",
      outputs: { projects: secret({ thoth: { token: "t" } }), port: 1 },
    },
    { urn: "c", type: "docker:index/container:Container", id: "0123", inputs: { envs: secret(["A=b"]) } },
    { urn: "p", type: probe, id: "p", inputs: { password: secret("pw"), list: [secret(1)] }, dependencies: ["c"] },
  ];
  expect(lastUpdateOf({ resources })).toEqual({
    outputs: { projects: { thoth: { token: "t" } }, port: 1 },
    resources: [
      { urn: "s", type: "pulumi:pulumi:Stack", id: "", dependencies: [] },
      { urn: "c", type: "docker:index/container:Container", id: "0123", dependencies: [] },
      { urn: "p", type: probe, id: "p", dependencies: ["c"], inputs: { password: "pw", list: [1] } },
    ],
  });
});
