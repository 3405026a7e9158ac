import { describe, expect, test } from "vitest";
import { serverEnvironment } from "../../../infra/components/letta-server.ts";
import { postgresSettings } from "../../../infra/components/postgres.ts";
import { redisSettings } from "../../../infra/components/redis.ts";
import { parseLettaConfig } from "../../../infra/config/letta.ts";
import type { RawConfig } from "../../../infra/config/read.ts";

const config = (raw: RawConfig = {}) => parseLettaConfig(raw, "letta");

/** Options such as `--name value` or `-c name=value` as pairs. */
function pairs(words: readonly string[]): string[] {
  return words.flatMap((word, index) => (index % 2 === 0 ? [`${word} ${words[index + 1]}`] : []));
}

describe("Letta", () => {
  test("asks for its password, pools its connections and uses Redis, none of which it does by itself", () => {
    expect(serverEnvironment(config())).toMatchObject({
      LETTA_SERVER_SECURE: "true",
      LETTA_DISABLE_SQLALCHEMY_POOLING: "false",
      LETTA_REDIS_HOST: "letta-redis",
      LETTA_REDIS_PORT: "6379",
    });
  });

  test("stores no second copy of each prompt, and its own files on the volume", () => {
    expect(serverEnvironment(config())).toMatchObject({
      LETTA_TELEMETRY_PROVIDER_TRACE_PG_METADATA_ONLY: "true",
      HOME: "/letta",
    });
  });

  test("gets its sizes, origins and hosts from the config", () => {
    const env = serverEnvironment(
      config({
        sizes: { server: { workers: 2, poolSize: 20, maxOverflow: 4 } },
        contextWindowLimit: 64_000,
        allowedOrigins: ["app://a", "http://b"],
        mcpHosts: ["thoth-mcp", "notes-mcp"],
      }),
    );
    expect(env).toMatchObject({
      LETTA_UVICORN_WORKERS: "2",
      LETTA_PG_POOL_SIZE: "20",
      LETTA_PG_MAX_OVERFLOW: "4",
      GLOBAL_MAX_CONTEXT_WINDOW_LIMIT: "64000",
      ACCEPTABLE_ORIGINS: "app://a,http://b",
      MCP_ALLOWED_HOSTS: "thoth-mcp,notes-mcp",
    });
  });
});

test("Postgres gets its sizes from the config", () => {
  const sizes = { postgres: { maxConnections: 300, sharedBuffersMiB: 512, memoryMiB: 2048 } };
  expect(pairs(postgresSettings(config({ sizes })))).toEqual([
    "-c max_connections=300",
    "-c shared_buffers=512MB",
    "-c password_encryption=scram-sha-256",
    "-c wal_level=replica",
    "-c log_checkpoints=off",
  ]);
});

test("Redis keeps what it was told, and when it is full says so rather than forgetting locks", () => {
  expect(pairs(redisSettings(config({ sizes: { redis: { maxMemoryMiB: 100, memoryMiB: 128 } } })))).toEqual([
    "--appendonly yes",
    "--appendfsync everysec",
    "--maxmemory 100mb",
    "--maxmemory-policy noeviction",
  ]);
});
