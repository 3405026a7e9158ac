import { expect, test } from "vitest";
import type { Installation, OldThoth } from "../../../../scripts/adopt/installation.ts";
import { settingsOf } from "../../../../scripts/adopt/settings.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { fakeStacks, without } from "../../../support/fake-stacks.ts";
import { temporaryFiles } from "../../../support/temporary.ts";

const thoth: OldThoth = {
  ...{ vault: "/home/me/vault", user: "1001:1001", envFile: "/srv/thoth/.env", ports: { api: 8080, mcp: 8082 } },
  ...{ repository: "registry.example/thoth", release: "1.0" },
};

/** What the configs get of an old installation, as `stack: key = value`. */
async function settings(changes: Partial<Installation>, { volumes = false, config = {} } = {}): Promise<string[]> {
  fakeStacks({
    docker: { "volume inspect": { exitCode: volumes ? 0 : 1 } },
    pulumi: { ...without("letta", "thoth"), "stack ls": { stdout: "[]" } },
  });
  const projectDirectory = temporaryFiles({ "Pulumi.thoth.yaml": JSON.stringify({ config }) });
  const old = { cluster: { volume: "v" }, containers: [], networks: [], variables: {}, ...changes };
  const found = await settingsOf(fakeDeps({ projectDirectory }), { stack: "letta", thothStack: "thoth", old });
  return found.map(({ stack, path, value }) => `${stack}: ${path.join(".")} = ${value}`);
}

test("ports that are not the usual ones are kept", async () => {
  expect(await settings({ ports: { server: 9283, postgres: 5432 } })).toEqual(["letta: ports.server = 9283"]);
});

test("volumes get other names where the old ones have the usual ones", async () => {
  expect(await settings({}, { volumes: true })).toEqual(["letta: volumePrefix = letta-adopted"]);
});

test("Thoth keeps vault, user, .env, images and ports, and gets one for its plugin", async () => {
  expect(await settings({ thoth })).toEqual([
    "thoth: vault = /home/me/vault",
    "thoth: user = 1001:1001",
    "thoth: envFile = /srv/thoth/.env",
    "thoth: ports.mcp = 8082",
    "thoth: ports.letta = 8285",
    "thoth: repository = registry.example/thoth",
    "thoth: release = 1.0",
  ]);
});

test("in multi-user mode the plugin reaches Letta through Thoth, so it gets no port", async () => {
  const found = await settings({ thoth: { ...thoth, vaults: "/home/me/vaults" } });
  expect(found).toContain("thoth: vaults = /home/me/vaults");
  expect(found.join("\n")).not.toContain("ports.letta");
});

test("what is configured stays, and images that are configured in another way too", async () => {
  const config = { "thoth-letta:vault": "mine", "thoth-letta:roles": { api: { image: "mine" } } };
  const found = (await settings({ thoth }, { config })).join("\n");
  expect(found).not.toMatch(/vault|repository|release/);
});
