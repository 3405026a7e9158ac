import type { Restored } from "../../images/backup/src/contract.ts";
import { inspected } from "./container-state.ts";
import { type FakeDeps, type FakeDepsOptions, fakeDeps } from "./fake-deps.ts";
import { type FakeAnswers, type FakePrograms, fakePrograms } from "./fake-programs.ts";
import { agentResult, agentRun, dockerAnswers, pulumiAnswers, temporaryBackend } from "./fake-stacks.ts";
import { backupRecord } from "./fake-world.ts";
import { temporaryFiles } from "./temporary.ts";

/** A full backup. */
export const record = backupRecord("2026-11-22T03:18:01.000Z", {
  ...{ label: "20261122-031700F", startedAt: "2026-11-22T03:17:00.000Z" },
  ...{ bytes: 3 * 2 ** 30, repositoryBytes: 2 ** 30, databaseBytes: 4 * 2 ** 30 },
});

/** What the repository has. */
export const repository = {
  backups: [record],
  pointInTime: { from: "2026-11-22T03:18:01.000Z", to: "2026-11-22T12:00:00.000Z" },
  points: [{ name: "good", at: "2026-11-22T10:00:00.000Z" }],
};

/** What a restore brought back. */
export const restored: Restored = {
  label: record.label,
  recoveredTo: { lsn: "0/2000028", at: "2026-11-22T10:00:00.000Z" },
  bytes: 4 * 2 ** 30,
  restoreSeconds: 20,
  replaySeconds: 5,
  checks: [{ name: "amcheck", ok: true, detail: "every table and index is sound" }],
};

/** A state with the volume that Postgres is on. */
const urn = "urn:pulumi:letta::thoth-letta::docker:index/volume:Volume::postgres-volume";
const volume = { type: "docker:index/volume:Volume", id: "letta-postgres", outputs: { name: "letta-postgres" } };
const state = JSON.stringify({ deployment: { resources: [{ urn, protect: true, ...volume }] } });

/** The answers of `docker` while a stack with backups is up and at rest. */
function backupAnswers(changes: FakeAnswers = {}): FakeAnswers {
  return dockerAnswers({
    ...changes,
    "container inspect letta-backup": inspected(),
    "exec letta-backup check": {},
    "exec letta-backup backup list": agentResult(repository),
    "exec letta-backup backup point": agentResult({ name: "good", at: "2026-11-22T10:00:00.000Z", lsn: "0/1" }),
    "exec letta-backup backup now": agentResult(record),
    "exec -i letta-postgres psql": {},
    "rm --force": {},
    "volume rm": {},
    "volume create": {},
    "volume inspect": {},
    [agentRun]: agentResult(restored),
    ...changes,
  });
}

/** A stack with backups that is up: its programs, and deps with a config file. */
export function backedUpStack({
  docker = {},
  pulumi = {},
  ...options
}: FakeDepsOptions & { docker?: FakeAnswers; pulumi?: FakeAnswers } = {}): { programs: FakePrograms; deps: FakeDeps } {
  temporaryBackend();
  const programs = fakePrograms({
    docker: backupAnswers(docker),
    pulumi: pulumiAnswers({
      ...pulumi,
      "state unprotect": {},
      "stack export --stack letta": { stdout: state },
    }),
  });
  const projectDirectory = temporaryFiles({ "Pulumi.letta.yaml": "config:\n  thoth-letta:images: local\n" });
  return { programs, deps: fakeDeps({ projectDirectory, ...options }) };
}
