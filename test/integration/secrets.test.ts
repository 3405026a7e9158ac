import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, test } from "vitest";
import { dockerOutput } from "../../infra/lib/docker/engine.ts";
import { root } from "../../scripts/lib/checkout.ts";
import { secretsOf } from "../support/secrets.ts";
import { sharedStacks } from "../support/shared-stacks.ts";
import { succeeded } from "../support/stacks.ts";
import { modelKey } from "../support/test-run.ts";

/** No secret is in the open: neither one that was generated, nor one that is derived, nor one that the config has. */

const stacks = sharedStacks();
const secrets: string[] = [];
beforeAll(async () => {
  const known = await Promise.all([secretsOf(stacks, stacks.letta), secretsOf(stacks, stacks.thoth)]);
  secrets.push(...new Set([...known.flat(), modelKey]));
  // Four for each of three owners; the seed, keys, URLs, Thoth's token, the model's key.
  expect(secrets.length).toBeGreaterThan(20);
  // A short one would be found everywhere.
  for (const secret of secrets) expect(secret.length).toBeGreaterThanOrEqual(24);
});

const leaksIn = (text: string) => secrets.filter((secret) => text.includes(secret));
const containers = async () =>
  Object.keys({ ...(await stacks.containers(stacks.letta)), ...(await stacks.containers(stacks.thoth)) });

test("the search finds one that is there", async () => {
  const { output } = succeeded(
    await stacks.pulumi(["stack", "output", "--json", "--show-secrets", "--stack", stacks.letta]),
  );
  expect(leaksIn(output)).not.toEqual([]);
});

test("none is in docker inspect", async () => {
  const names = await containers();
  expect(names).toHaveLength(12);
  expect(leaksIn(await dockerOutput(["inspect", ...names]))).toEqual([]);
});

test("none is in the arguments of a process of any container", async () => {
  for (const name of await containers()) {
    const text = await dockerOutput(["exec", name, "sh", "-c", 'cat /proc/[0-9]*/cmdline | tr "\\0" " "']);
    expect(text, name).toContain("init --");
    expect(leaksIn(text), name).toEqual([]);
  }
});

test("none is in the containers' logs", async () => {
  for (const name of await containers()) {
    const { output } = await stacks.engine(["logs", name]);
    // The backup's own tell nothing while all is well.
    if (!/-(backup|drill)$/.test(name)) expect(output, name).not.toBe("");
    expect(leaksIn(output), name).toEqual([]);
  }
});

test.each(["letta", "thoth"] as const)("none is in the exported state of the %s stack", async (kind) => {
  const { output } = succeeded(await stacks.pulumi(["stack", "export", "--stack", stacks[kind]]));
  expect(leaksIn(output)).toEqual([]);
});

test("none is in a file of the state, its history and its backups, or in a config file", () => {
  const backend = join(stacks.folder, "backend");
  const files = readdirSync(backend, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const configs = [stacks.letta, stacks.thoth].map((stack) => join(stacks.folder, `Pulumi.${stack}.yaml`));
  expect(files.length).toBeGreaterThan(2);
  for (const path of [...files.map(({ parentPath, name }) => join(parentPath, name)), ...configs]) {
    expect(leaksIn(readFileSync(path, "utf8")), path).toEqual([]);
  }
});

test("none is in a preview that replaces the containers that hold them", async () => {
  stacks.configure(stacks.letta, { contextWindowLimit: 64_000 });
  try {
    const { output } = succeeded(await stacks.pulumi(["preview", "--diff", "--stack", stacks.letta]));
    expect(output).toContain("GLOBAL_MAX_CONTEXT_WINDOW_LIMIT=64000");
    expect(leaksIn(output)).toEqual([]);
  } finally {
    stacks.configure(stacks.letta, { contextWindowLimit: 128_000 });
  }
});

test("none is in what an update that changes them prints, or in a process' arguments meanwhile", async () => {
  const seen = new Set<string>();
  let isUnderWay = true;
  const look = async () => {
    while (isUnderWay) {
      for (const line of await processArguments()) seen.add(line);
      await sleep(100);
    }
  };
  const looking = look();
  stacks.configure(stacks.letta, { credentials: { letta: { generation: 2 } } });
  try {
    const { output } = await stacks.up(stacks.letta, "--diff");
    secrets.push(...(await secretsOf(stacks, stacks.letta)));
    expect(output).toContain("server-credentials-file");
    expect(leaksIn(output)).toEqual([]);
  } finally {
    isUnderWay = false;
    await looking;
    stacks.configure(stacks.letta, { credentials: {} });
    await stacks.up(stacks.letta);
  }
  const text = [...seen].join("\n");
  expect(text).toContain(`${stacks.letta}-server-credentials:/volume`);
  expect(leaksIn(text)).toEqual([]);
});

test("none is in a file that git knows", async () => {
  const { stdout, exitCode } = await search(secrets.filter((secret) => secret !== modelKey));
  expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 1 });
  expect((await search(["MIT License"])).stdout).toContain("LICENSE");
});

/** The arguments of every process of this host, which are those of all containers too. */
async function processArguments(): Promise<string[]> {
  const read = (id: string) => {
    try {
      return readFileSync(`/proc/${id}/cmdline`, "utf8").replaceAll("\0", " ");
    } catch {
      return ""; // It has ended.
    }
  };
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(read);
}

/** Files of the repository that have one of the texts; exit code 1: none has. */
function search(texts: readonly string[]): Promise<{ stdout: string; exitCode: number }> {
  return new Promise((resolve) => {
    const args = ["grep", "--files-with-matches", "--fixed-strings", "-f", "-"];
    const child = execFile("git", args, { cwd: root }, (error, stdout) =>
      resolve({ stdout, exitCode: error === null ? 0 : Number(error.code) }),
    );
    child.stdin?.end(`${texts.join("\n")}\n`);
  });
}
