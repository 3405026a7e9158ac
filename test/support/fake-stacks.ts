import { pathToFileURL } from "node:url";
import { agentCapabilities, runOnce } from "../../infra/lib/docker/engine.ts";
import type { ThothExports } from "../../infra/stacks/outputs.ts";
import type { LettaStack } from "../../scripts/lib/stacks.ts";
import { inspected, notThere } from "./container-state.ts";
import { type FakeAnswer, type FakeAnswers, type FakePrograms, fakePrograms } from "./fake-programs.ts";
import { temporaryFolder, withEnvironment } from "./temporary.ts";

/** Outputs of a letta stack; nothing listens on its ports. */
export const lettaOutputs: LettaStack = {
  contractVersion: 3,
  healthUrls: { server: "http://127.0.0.1:1/v1/health/", gateway: "http://127.0.0.1:2/nginx-health" },
  urls: { server: "http://127.0.0.1:1", gateway: "http://127.0.0.1:2" },
  internalUrls: { server: "http://letta-server:8283", gateway: "http://letta-nginx:8284" },
  network: { id: "0123", name: "letta-network", subnet: "172.22.0.0/16" },
  volumes: {
    postgres: "letta-postgres",
    data: "letta-data",
    home: "letta-home",
    redis: "letta-redis",
    backup: "letta-backup",
  },
  backup: { enabled: true, container: "letta-backup", drillContainer: "letta-drill" },
  containers: ["letta-postgres", "letta-backup", "letta-drill", "letta-redis", "letta-server", "letta-nginx"],
  projects: {
    thoth: {
      user: "user-00000000-0000-4000-8000-000000000000",
      generation: 1,
      token: "thoth-token",
      databaseUrl: "postgresql://thoth:pw@letta-postgres:5432/thoth",
      hostDatabaseUrl: "postgresql://thoth:pw@127.0.0.1:3/thoth",
      encryptionKey: "key",
    },
  },
  images: "local",
  nginxImage: "thoth-letta/nginx:1-0123456789ab",
  schemaVersion: "abc",
  serverPassword: "server-password",
  hostDatabaseUrl: "postgresql://letta:pw@127.0.0.1:3/letta",
  recoveryKey: "recovery-key",
  backupSettings: '{"recoveryKey": "recovery-key"}',
};

/** Outputs of a thoth stack. */
export const thothOutputs: ThothExports = {
  healthUrls: { api: "http://127.0.0.1:4/health", mcp: "http://127.0.0.1:5/health" },
  urls: { api: "http://127.0.0.1:4", mcp: "http://127.0.0.1:5" },
  containers: ["thoth-letta-proxy", "thoth-api", "thoth-mcp", "thoth-discovery", "thoth-monitor"],
  roles: { api: "thoth-api", mcp: "thoth-mcp", discovery: "thoth-discovery", monitor: "thoth-monitor" },
  vault: "/srv/vault",
  isMultiUser: false,
  isStandIn: true,
};

/** The answers of `pulumi` without these stacks, for {@link pulumiAnswers}. */
export function without(...stacks: ("letta" | "thoth")[]): FakeAnswers {
  const failure = { exitCode: 255, stderr: "error: no stack of that name found\n" };
  const others = ["letta", "thoth"].filter((name) => !(stacks as string[]).includes(name));
  return {
    ...Object.fromEntries(
      stacks.flatMap((stack) => [
        [`stack output --json --show-secrets --stack ${stack}`, failure],
        [`stack export --stack ${stack}`, failure],
      ]),
    ),
    "stack ls": { stdout: JSON.stringify(others.map((name) => ({ name }))) },
  };
}

/** Ways in which Pulumi fails; none of them means that a stack does not exist. */
export const pulumiFailures: Readonly<Record<string, FakeAnswer>> = {
  "is not on PATH": { exitCode: 127, stderr: "bash: line 1: pulumi: command not found\n" },
  "has the wrong passphrase": { exitCode: 1, stderr: "error: failed to decrypt: incorrect passphrase\n" },
  "has a broken backend": { exitCode: 1, stderr: "error: unable to open bucket file:///nowhere\n" },
};

/** The answers of `pulumi` while both stacks are there, whole and at rest; `changes` come first. */
export function pulumiAnswers(changes: FakeAnswers = {}): FakeAnswers {
  return {
    ...changes,
    "stack output --json --show-secrets --stack letta": { stdout: JSON.stringify(lettaOutputs) },
    "stack output --json --show-secrets --stack thoth": { stdout: JSON.stringify(thothOutputs) },
    "stack ls": { stdout: '[{"name": "letta"}, {"name": "thoth"}]' },
    "stack export": { stdout: '{"deployment": {"resources": [{"type": "pulumi:pulumi:Stack"}]}}' },
    "up ": {},
    "destroy ": {},
    "refresh ": {},
    ...changes,
  };
}

/** The answers of `docker` while every container runs and no others are on the network; `changes` come first. */
export function dockerAnswers(changes: FakeAnswers = {}): FakeAnswers {
  return {
    ...changes,
    version: { stdout: "20.10.24\n" },
    "ps --all": {},
    "container inspect thoth-backup": notThere,
    "exec -i letta-backup backup put": agentResult({ bytes: 1 }),
    "exec -i letta-postgres psql": {},
    "container inspect": inspected(),
    "network inspect letta-network": networkOf(...lettaOutputs.containers),
    stop: {},
    restart: {},
    ...changes,
  };
}

/** Both stacks, whole and at rest, on a state backend of the test; the answers of `changes` come first. */
export function fakeStacks(changes: { docker?: FakeAnswers; pulumi?: FakeAnswers } = {}): FakePrograms {
  temporaryBackend();
  return fakePrograms({ docker: dockerAnswers(changes.docker), pulumi: pulumiAnswers(changes.pulumi) });
}

/** How a call of docker begins that runs the agent's image for one thing. */
export const agentRun = runOnce(agentCapabilities).join(" ");

/** What the backup agent says at the end of a command that worked. */
export function agentResult(value: unknown): FakeAnswer {
  return { stdout: `${JSON.stringify({ event: "result", value })}\n` };
}

/** What is done after an update that worked: the stack's state is kept with its backups. */
export const keepsState = [
  "docker container inspect letta-backup",
  "pulumi stack export --show-secrets --stack letta",
  "docker exec -i letta-backup backup put pulumi-state.json",
  "docker exec -i letta-backup backup put stack-config.json",
];

/** What `docker network inspect` says of a network with these containers on it. */
export function networkOf(...names: string[]): FakeAnswer {
  return {
    stdout: JSON.stringify([{ Containers: Object.fromEntries(names.map((Name, index) => [`id-${index}`, { Name }])) }]),
  };
}

/** A separate state, set up as far as files can tell. @returns the folder of Pulumi's file backend */
export function temporaryBackend(): string {
  const folder = temporaryFolder();
  withEnvironment({ PULUMI_BACKEND_URL: pathToFileURL(folder).href, PULUMI_CONFIG_PASSPHRASE: "test" });
  return folder;
}
