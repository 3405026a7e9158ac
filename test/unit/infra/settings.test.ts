import { describe, expect, test } from "vitest";
import { paths } from "../../../images/backup/src/contract.ts";
import { serverEnvironment } from "../../../infra/components/letta-server.ts";
import { archiveEnvironment, postgresSettings } from "../../../infra/components/postgres-settings.ts";
import { redisSettings } from "../../../infra/components/redis.ts";
import { parseLettaConfig } from "../../../infra/config/letta.ts";
import type { RawConfig } from "../../../infra/config/read.ts";

const config = (raw: RawConfig = {}) => parseLettaConfig(raw, "letta");

/** Options such as `--name value` or `-c name=value` as pairs. */
function pairs(words: readonly string[]): string[] {
  return words.flatMap((word, index) => (index % 2 === 0 ? [`${word} ${words[index + 1]}`] : []));
}

test("Letta gets its sizes, origins and hosts from the config", () => {
  const env = serverEnvironment(
    config({
      sizes: { server: { workers: 2, poolSize: 20, maxOverflow: 4 } },
      contextWindowLimit: 64_000,
      allowedOrigins: ["app://a", "http://b"],
      mcpHosts: ["thoth-mcp", "notes-mcp"],
    }),
  );
  expect(env).toMatchObject({
    ...{ RUN_WORKERS: "2", LETTA_PG_POOL_SIZE: "20", LETTA_PG_MAX_OVERFLOW: "4" },
    ...{ GLOBAL_MAX_CONTEXT_WINDOW_LIMIT: "64000", ACCEPTABLE_ORIGINS: "app://a,http://b" },
    MCP_ALLOWED_HOSTS: "thoth-mcp,notes-mcp",
  });
});

describe("Postgres", () => {
  const settingsOf = (raw: RawConfig) => pairs(postgresSettings(config(raw)));

  test("pushes its WAL with pgBackRest, in time; a slot keeps little of it, and no commit waits for a standby", () => {
    const archive = ["archive_mode=on", "archive_timeout=30", "archive_command=pgbackrest archive-push %p"];
    const wal = ["wal_level=replica", "max_slot_wal_keep_size=4GB", "synchronous_standby_names="];
    const sizes = { postgres: { maxConnections: 300, sharedBuffersMiB: 512, memoryMiB: 2048 } };
    expect(settingsOf({ sizes, backup: { archiveSeconds: 30 } })).toEqual(
      expect.arrayContaining(
        [...archive, ...wal, "max_connections=300", "shared_buffers=512MB"].map((one) => `-c ${one}`),
      ),
    );
    expect(settingsOf({ backup: { enabled: false } })).toContain("-c archive_mode=off");
  });

  test("has the same repository settings as the agent, and no key in plain text", async () => {
    const { environment } = await import("../../../images/backup/src/pgbackrest/backups.ts");
    const own = archiveEnvironment(config().backup);
    const agents = environment({ paths }, { recoveryKey: "a-key" });
    for (const name of ["STANZA", "REPO1_PATH", "REPO1_CIPHER_TYPE", "PG1_PATH"].map((end) => `PGBACKREST_${end}`)) {
      expect(own[name], name).toBe(agents[name]);
    }
    expect(Object.keys(own)).not.toContain("PGBACKREST_REPO1_CIPHER_PASS");
    expect(archiveEnvironment(config({ backup: { enabled: false } }).backup)).toEqual({});
  });
});

test("a full Redis fails rather than evicting locks", () => {
  const settings = pairs(redisSettings(config({ sizes: { redis: { maxMemoryMiB: 100, memoryMiB: 128 } } })));
  expect(settings).toEqual(expect.arrayContaining(["--maxmemory 100mb", "--maxmemory-policy noeviction"]));
});
