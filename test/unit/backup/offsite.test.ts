import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Offsite } from "../../../images/backup/src/contract.ts";
import { OffsiteCopy, repositoryId, repositoryState } from "../../../images/backup/src/offsite/copy.ts";
import { OffsitePushes } from "../../../images/backup/src/offsite/pushes.ts";
import { agentSettings, FakeWorld, silent } from "../../support/fake-world.ts";

const account = { type: "sftp", host: "nas", port: 22, user: "keeper", path: "letta", privateKey: "-" } as const;
const name = "keeper@nas:letta";

/** rclone's commands without its flags, each as its name and what it works on. */
const brief = (calls: readonly string[]) =>
  calls.flatMap((call) => {
    const [, command, of = ""] = /^rclone (?:--.* )?(cat|copyto|copy|sync) (.*)$/.exec(call) ?? [];
    if (command === undefined) return [];
    if (command === "copyto") return ["claim"];
    if (command === "cat") return ["look"];
    if (of.includes("offsite-indexes")) return [command === "sync" ? "snapshot of the indexes" : "indexes"];
    if (command === "sync") return ["mirror"];
    if (of.includes("+ /files/**")) return ["others"];
    return [of.includes("--max-age") ? "newest WAL" : "all WAL"];
  });

async function pushes(world = new FakeWorld()) {
  const copy = new OffsitePushes(world, account, 60, async () => {});
  await copy.load();
  return { world, copy };
}

/** The other host has this repository's copy. */
async function copied(world: FakeWorld, otherwise: (command: string) => void = () => {}): Promise<void> {
  const id = await repositoryId(world);
  world.answers.rclone = (command) => {
    if (/ cat /.test(command)) return JSON.stringify({ id });
    otherwise(command);
    return "";
  };
}

const add = (world: FakeWorld, path: string, text = "new") => {
  mkdirSync(dirname(join(world.paths.repository, path)), { recursive: true });
  writeFileSync(join(world.paths.repository, path), text);
};

describe("a push", () => {
  test("claims an empty place, copies all WAL and the rest, and then what names them", async () => {
    const { world, copy } = await pushes();
    await copy.push(silent);
    expect(brief(world.taken("rclone"))).toEqual([
      ...["look", "claim", "all WAL"],
      ...["snapshot of the indexes", "others"],
      ...["look", "claim", "all WAL", "indexes", "mirror"],
    ]);
  });

  test("copies only new WAL where a copy is, and presents no index when something before it failed", async () => {
    const { world, copy } = await pushes();
    await copied(world);
    await copy.push(silent);
    world.taken("rclone");
    await copied(world, (command) => {
      if (command.includes("+ /files/**")) throw new Error("Failed to copy: permission denied");
    });
    await expect(copy.push(silent)).rejects.toThrow("permission denied");
    expect(brief(world.taken("rclone"))).toEqual(["look", "newest WAL", "snapshot of the indexes", "others"]);
  });
});

describe("on its own", () => {
  test("WAL is copied every interval, the rest when it has changed, and removals once a day", async () => {
    const { world, copy } = await pushes();
    await copied(world);
    const turn = async (seconds: number, isBusy = false) => {
      world.time += seconds * 1000;
      await Promise.all(await copy.tick(isBusy));
      return brief(world.taken("rclone"));
    };
    expect(await turn(60)).toContain("mirror");
    expect(await turn(59)).toEqual([]);
    expect(await turn(1)).toEqual(["look", "newest WAL"]);
    add(world, "files/dumps/letta/1.dump.bin");
    expect(await turn(60, true)).toEqual(["look", "newest WAL"]);
    const changed = await turn(60);
    expect(changed).toContain("indexes");
    expect(changed).not.toContain("mirror");
    expect(await turn(86_400)).toContain("mirror");
  });

  test("resumes where an earlier process ended, unless the place is another one", async () => {
    const { world, copy } = await pushes();
    await copied(world);
    await copy.push(silent);
    world.taken("");
    const { copy: next } = await pushes(world);
    expect(next.status("").lastPushAt).toBe("2026-11-24T12:00:00.000Z");
    const elsewhere = new OffsitePushes(world, { ...account, path: "other" }, 60, async () => {});
    await elsewhere.load();
    expect(elsewhere.status("2026-11-24T12:00:00Z").lastPushAt).toBeNull();
  });
});

describe("the status", () => {
  const since = "2026-11-24T11:59:00.000Z";

  test("has since when the copy fails, with rclone's last message, until it works again", async () => {
    const { world, copy } = await pushes();
    await copied(world);
    const works = world.answers.rclone;
    const lines = [
      "2026/11/24 12:00:00 ERROR : backup.info: not this line",
      "2026/11/24 12:00:01 NOTICE:     1.2 MiB / 5 MiB, 24%, 1 MiB/s, ETA 3s",
      "2026/11/24 12:00:01 Failed to copy with 2 errors: last error was: NoSuchBucket: no such bucket",
      "\tstatus code: 404, request id: bVEy",
    ];
    world.answers.rclone = { exitCode: 1, stdout: "", lastLines: lines };
    await copy.push(silent).catch(() => {});
    world.time += 60_000;
    await copy.push(silent).catch(() => {});
    const said =
      "Failed to copy with 2 errors: last error was: NoSuchBucket: no such bucket status code: 404, request id: bVEy";
    const problem = `failing since 2026-11-24T12:00:00.000Z: ${name}: ${said}`;
    expect(copy.status(since)).toEqual({ lastPushAt: null, problem });
    world.answers.rclone = works ?? "";
    await copy.push(silent);
    expect(copy.status(since)).toEqual({ lastPushAt: "2026-11-24T12:01:00.000Z", problem: null });
  });

  test("says so when nothing arrives, even if nothing fails", async () => {
    const { world, copy } = await pushes();
    expect(copy.status(since).problem).toBeNull();
    world.time += 1_140_001;
    expect(copy.status(since).problem).toBe("the first copy is not complete");
    await copied(world);
    await copy.push(silent);
    world.time += 1_200_000;
    expect(copy.status(since).problem).toBe("nothing was copied since 2026-11-24T12:19:00.001Z");
  });
});

test("a pull takes another round when the index has changed meanwhile", async () => {
  const world = new FakeWorld();
  const indexes = ["first", "second", "second"];
  let round = 0;
  world.answers.rclone = (command) => {
    if (/ cat .*repository.json/.test(command)) return '{"id": "old"}';
    if (/ sync /.test(command)) add(world, "incomplete-pull/pgbackrest/backup/main/backup.info", indexes[round++]);
    return "";
  };
  world.answers["pgbackrest info"] = "[]";
  for (const folder of ["pgbackrest", "files"]) rmSync(join(world.paths.repository, folder), { recursive: true });
  world.answers.chown = () => {
    mkdirSync(world.paths.pgbackrest, { recursive: true });
    return "";
  };
  const copy = new OffsiteCopy(world, account satisfies Offsite);
  expect(await copy.pull(agentSettings, silent)).toEqual({ backups: [] });
  expect(world.calls.filter((call) => / copy /.test(call))).toHaveLength(2);
});

test("the repository's state changes with everything but WAL", async () => {
  const world = new FakeWorld();
  add(world, "pgbackrest/backup/main/backup.info");
  const before = await repositoryState(world);
  add(world, "pgbackrest/archive/main/17-1/0000000100000000/000000010000000000000003-ef.zst");
  add(world, "files/keys.json.new.bin");
  expect(await repositoryState(world)).toBe(before);
  add(world, "files/keys.json.bin");
  expect(await repositoryState(world)).not.toBe(before);
});
