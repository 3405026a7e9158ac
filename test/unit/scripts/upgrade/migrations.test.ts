import { expect, test } from "vitest";
import { pendingMigrations } from "../../../../scripts/upgrade/migrations.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { type FakeAnswer, fakeDocker } from "../../../support/fake-docker.ts";

const pending = (answer: FakeAnswer) => {
  fakeDocker({
    "exec -i letta-postgres psql": { stdout: "45402909a46b\n" },
    "run --rm --network none --entrypoint alembic letta:2 history -r 45402909a46b:head": answer,
  });
  return pendingMigrations(fakeDeps(), "letta:2", { container: "letta-postgres", database: "letta" });
};

test("an image's migrations after a revision are listed in their order", async () => {
  const history = [
    "9fa274fb0b83 -> a08c972e781b (head), add index on agents",
    "45402909a46b -> 9fa274fb0b83, backfill hidden",
    "b2c3d4e5f6a8 -> 45402909a46b, add concurrent indexes",
    "",
  ];
  expect(await pending({ stdout: history.join("\n") })).toEqual([
    "45402909a46b -> 9fa274fb0b83, backfill hidden",
    "9fa274fb0b83 -> a08c972e781b (head), add index on agents",
  ]);
});

test("an image that is older than the database is refused, with a command that exists", async () => {
  const answer = { exitCode: 255, stdout: "FAILED: Can't locate revision identified by '45402909a46b'\n" };
  await expect(pending(answer)).rejects.toThrow(/which letta:2 does not know.*\n.*make backup-list/);
});
