import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { Settings } from "../../../images/page/src/contract.ts";
import { deriveCredentials } from "../../../infra/lib/credentials.ts";
import type { VolumeFileInputs } from "../../../infra/providers/volume-file.ts";
import { lettaGraph, resolved, uploaded } from "../../support/stack-graphs.ts";

const graph = await lettaGraph({ projects: ["thoth", "notes"] });
const own = deriveCredentials("plain-credentials-seed", "letta-page", 1);
const settingsOf = ({ resource }: typeof graph) =>
  JSON.parse((resource("page-settings").inputs as unknown as VolumeFileInputs).content) as Settings;

test("the page knows of its token the hash alone, of Postgres its own role, and no other secret", async () => {
  const settings = settingsOf(graph);
  expect(settings).toMatchObject({
    stack: "letta",
    tokenHashes: [createHash("sha256").update(own.token).digest("hex")],
    database: { user: "letta-page", password: own.databasePassword },
    projects: { thoth: "user-of-thoth", notes: "user-of-notes" },
  });
  expect(await resolved(graph.exports.pageToken)).toBe(own.token);
  const others = ["letta", "thoth", "notes", "letta-probe"].map((owner) =>
    deriveCredentials("plain-credentials-seed", owner, 1),
  );
  for (const { token, databasePassword } of others) {
    expect(JSON.stringify(settings)).not.toContain(token);
    expect(JSON.stringify(settings)).not.toContain(databasePassword);
  }
  expect(graph.resource("page-settings").storedInputs.content).toBe("[secret]");
});

test("the page has no port on the host, no socket of Docker, and writes to its own volume alone", () => {
  const { ports, mounts, readOnly, user } = graph.resource("page-container").inputs;
  expect({ ports, readOnly, user }).toEqual({ ports: [], readOnly: true, user: "65534:65534" });
  expect(mounts).toEqual([
    { type: "volume", source: "letta-page", target: "/data" },
    { type: "volume", source: "letta-page-credentials", target: "/run/credentials", readOnly: true },
    { type: "volume", source: "letta-status", target: "/status", readOnly: true },
  ]);
});

test("gateway and page know each other by fixed addresses", () => {
  const address = (name: string) =>
    (graph.resource(`${name}-container`).inputs.networksAdvanced as { ipv4Address?: string }[])[0]?.ipv4Address;
  expect(settingsOf(graph).gatewayAddress).toBe(address("gateway"));
  const { hosts } = graph.resource("gateway-container").inputs;
  expect(hosts).toContainEqual({ host: "letta-page", ip: address("page") });
  expect(uploaded(graph, "gateway", "generated/page.conf")).toBe(`allow ${address("page")};\ndeny all;\n`);
});

test("its role in Postgres may count, and read nothing else", () => {
  const { columns, sizesOf, role, database } = graph.resource("page-role").inputs;
  expect({ columns, sizesOf, role, database }).toEqual({
    columns: { users: ["id", "organization_id"], agents: ["organization_id"], messages: ["organization_id"] },
    sizesOf: ["letta", "thoth", "notes"],
    role: "letta-page",
    database: "letta",
  });
});

test("it shows the services that the stack has", async () => {
  const all = ["postgres", "backup", "drill", "redis", "model", "server", "nginx", "page"].map(
    (name) => `letta-${name}`,
  );
  expect(Object.keys(settingsOf(graph).services)).toEqual(all);
  const fewer = await lettaGraph({ backup: { enabled: false }, models: { trial: "off" } });
  const left = all.filter((name) => !/backup|drill|model/.test(name));
  expect(Object.keys(settingsOf(fewer).services)).toEqual(left);
});

test("both of its credentials open it during an overlap", async () => {
  const rotated = await lettaGraph({ credentials: { letta: { generation: 2, overlap: true } } });
  const hashes = [2, 1].map((generation) =>
    createHash("sha256")
      .update(deriveCredentials("plain-credentials-seed", "letta-page", generation).token)
      .digest("hex"),
  );
  expect(settingsOf(rotated).tokenHashes).toEqual(hashes);
});

test("turned off, there is nothing of it, and the gateway knows no such path", async () => {
  const off = await lettaGraph({ page: { enabled: false } });
  expect(off.resources.filter(({ name }) => /^page|^status/.test(name))).toEqual([]);
  expect(off.exports).not.toHaveProperty("pageToken");
  expect(await resolved(off.exports.containers)).not.toContain("letta-page");
  expect(uploaded(off, "gateway", "page.conf")).toBeUndefined();
  expect(off.resource("gateway-container").inputs.hosts).not.toContainEqual(
    expect.objectContaining({ host: "letta-page" }),
  );
  const mounts = JSON.stringify(
    ["backup", "backup-drill"].map((name) => off.resource(`${name}-container`).inputs.mounts),
  );
  expect(mounts).not.toContain("/status");
});
