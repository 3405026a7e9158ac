import { describe, expect, test } from "vitest";
import { findCluster, requireMajor } from "../../../../scripts/upgrade/copy.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { type FakeAnswer, fakeDocker } from "../../../support/fake-docker.ts";

describe("the cluster in a volume", () => {
  const find = (changes: Record<string, FakeAnswer>) => {
    const docker = fakeDocker({
      ...changes,
      "volume inspect old": {},
      "ps --filter volume=old": {},
      "run --rm --network none --user 0:0 --volume old:/old:ro": { stdout: ". 15\n" },
      ...changes,
    });
    return { docker, found: findCluster(fakeDeps(), "old", "postgres:17") };
  };

  test("is found by its version, and the volume is mounted read-only", async () => {
    const { docker, found } = find({});
    expect(await found).toEqual({ volume: "old", folder: ".", major: 15 });
    expect(docker.calls().join("\n")).not.toMatch(/old:\/old(?!:ro)/);
  });

  test.each([
    ["is not there", { "volume inspect old": { exitCode: 1 } }, "there is no volume old"],
    ["is in use", { "ps --filter volume=old": { stdout: "pg\nother\n" } }, "volume old is in use by pg other"],
    ["has none", { "run --rm": { stdout: "" } }, "volume old has no Postgres cluster in it"],
  ])("that %s is refused", async (_what, changes, message) => {
    await expect(find(changes).found).rejects.toThrow(message);
  });
});

test("an image of another major version than the data is refused", async () => {
  fakeDocker({ run: { stdout: "postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)\n" } });
  await requireMajor(fakeDeps(), "old:15", 15, "name another");
  await expect(requireMajor(fakeDeps(), "old:15", 17, "name another")).rejects.toThrow(
    "old:15 is Postgres 15, the data is of Postgres 17\n  fix: name another",
  );
});
