import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lettaJson } from "../../infra/lib/letta/api.ts";
import { root } from "../../scripts/lib/checkout.ts";
import type { LettaStack } from "../../scripts/lib/stacks.ts";
import { sharedStacks } from "../support/shared-stacks.ts";
import { presentImage } from "../support/stacks.ts";
import { namesOfPair, typed } from "../support/typed.ts";

/** What people of version 3.0 have in their notes, word for word: a shell runs it, with this pair's names and ports put in. */

const stacks = sharedStacks();
let letta: LettaStack;
let ofPair: Awaited<ReturnType<typeof namesOfPair>>;
let folder: string;
beforeAll(async () => {
  // It had all roles in one container, as is the default.
  stacks.configure(stacks.thoth, { shape: undefined });
  await stacks.up(stacks.thoth);
  letta = await stacks.lettaOutputs();
  ofPair = await namesOfPair(stacks);
  folder = mkdtempSync(join(tmpdir(), "thoth-letta-notes-"));
}, 300_000);
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await stacks.psql("drop database if exists letta_again with (force)");
  stacks.configure(stacks.thoth, { shape: "roles" });
  await stacks.up(stacks.thoth);
}, 300_000);

/** Runs a line in a folder for what it writes. */
const noted = (line: string) =>
  // A registry's image, which this machine may not have; only its tar counts here.
  typed(stacks, ofPair(line).replace("alpine tar", `--user 0 --entrypoint tar ${presentImage("redis")}`), { folder });

const agents = async () => lettaJson<number>(await stacks.lettaEndpoint(), "GET", "/v1/agents/count");

describe("Postgres over its socket", () => {
  test("counts the agents as role letta", async () => {
    const shown = await noted(`docker exec letta-postgres psql -U letta -d letta -c "SELECT COUNT(*) FROM agents;"`);
    expect(Number(/^\s*(\d+)$/m.exec(shown)?.[1])).toBeGreaterThanOrEqual(await agents());
  });

  test("is asked whether it is ready", async () => {
    expect(await noted("docker exec letta-postgres pg_isready -U letta -d letta")).toContain("accepting connections");
  });

  test("is dumped, and the dump fills an empty database with the same rows", async () => {
    await noted("docker exec letta-postgres pg_dump -U letta letta > backup-letta.sql");
    await noted("docker exec letta-postgres pg_dump -U thoth thoth > backup-thoth.sql");
    await stacks.psql("create database letta_again owner letta");
    await stacks.psql('create extension vector; create extension if not exists "uuid-ossp"', "letta_again");
    await noted("docker exec -i letta-postgres psql -U letta letta_again < backup-letta.sql");
    const count = "select count(*) from agents; select count(*) from messages; select count(*) from block";
    expect(await stacks.psql(count, "letta_again")).toBe(await stacks.psql(count, "letta"));
    expect(await noted("tail -n 5 backup-thoth.sql")).toContain("PostgreSQL database dump complete");
  });
});

describe("Docker", () => {
  test("lists the four containers of Letta with their ports", async () => {
    const shown = await noted("docker ps | grep letta");
    expect(shown).toContain(`${stacks.letta}-redis`);
    // On a network without a way out, where Redis is, Docker lists no ports.
    for (const [name, port] of Object.entries({ postgres: "5432", server: "8283", nginx: "8284" })) {
      const line = shown.split("\n").find((one) => one.endsWith(`${stacks.letta}-${name}`));
      expect(line, name).toContain(`->${port}/tcp`);
    }
  });

  test.each(["letta-network", "thoth-network"])("knows the subnet of %s", async (network) => {
    const configured = stacks.configured<string>(network.startsWith("letta") ? stacks.letta : stacks.thoth, "subnet");
    expect(await noted(`docker network inspect ${network}`)).toContain(`"Subnet": "${configured}"`);
  });

  test("shows the volume of Postgres where its data is", async () => {
    const shown = await noted("docker inspect letta-postgres | grep -A 5 Mounts");
    expect(shown).toMatch(new RegExp(`"Source": "${letta.volumes.postgres}",\\s+"Target": "/var/lib/postgresql/data"`));
    expect(await noted("docker volume inspect letta-postgres")).toContain(`"Name": "${letta.volumes.postgres}"`);
  });

  test("packs the volume of Postgres", async () => {
    const mounts = "-v letta-postgres:/source -v $(pwd):/backup";
    // A running cluster changes while tar reads it, which GNU tar answers with 1.
    await noted(`docker run --rm ${mounts} alpine tar czf /backup/letta-volume.tar.gz -C /source . || [ $? = 1 ]`);
    expect(await noted("tar tzf letta-volume.tar.gz | grep -c PG_VERSION")).not.toBe("0\n");
    expect(readdirSync(folder)).toContain("letta-volume.tar.gz");
  });

  test.each(["letta-server", "letta-postgres", "thoth-all-in-one"])("follows the log of %s", async (container) => {
    expect(await noted(`timeout 2 docker logs -f ${container} 2>&1 || [ $? = 124 ]`)).not.toBe("");
  });
});

test.each(["http://localhost:8283/v1/health", "http://localhost:8080/health", "http://localhost:8284/nginx-health"])(
  "curl %s gets 200",
  async (url) => {
    expect(await noted(`curl -s -o /dev/null -w '%{http_code}' ${url}`)).toBe("200");
  },
);

describe("the scripts and aliases", () => {
  const script = (name: string) => noted(`${join(root, "scripts", name)}.sh 2>&1`);

  test("start, and show both stacks", async () => {
    const before = await stacks.containers(stacks.letta);
    await script("letta-start");
    await script("thoth-start");
    const shown = await script("thoth-status");
    for (const stack of [stacks.letta, stacks.thoth]) expect(shown).toContain(`stack ${stack}: healthy`);
    expect(await stacks.containers(stacks.letta)).toEqual(before);
  });

  test("name who uses Letta before they stop it", async () => {
    await expect(script("letta-stop")).rejects.toThrow(`container ${stacks.thoth}-all-in-one (stack ${stacks.thoth})`);
  });

  test("are aliases once one file is sourced", async () => {
    const names = ["letta-logs-pg", "thoth-restart", "thoth-logs", "thoth-cd", "letta-restart"];
    const aliases = `source ${join(root, "scripts/shell.sh")} && alias ${names.join(" ")}`;
    expect((await noted(aliases)).trim().split("\n")).toHaveLength(names.length);
  });
});
