import { z } from "zod";
import { limits, mebibytes } from "./common.ts";

interface ServerPools {
  readonly workers: number;
  readonly poolSize: number;
  readonly maxOverflow: number;
}

/** How many connections to Postgres Letta's server may open: each process has a pool. */
export function serverConnections({ workers, poolSize, maxOverflow }: ServerPools): number {
  return (workers + 1) * (poolSize + maxOverflow);
}

/** Superuser reserve, provisioning, backup and one psql. */
const ownConnections = 20;
/** Postgres' processes that serve no client. */
const ownProcesses = 50;

const connections = z.int().min(1).max(1000);

/** What each container of a letta stack may take of the host, and each project of Postgres. */
export const sizesSchema = z
  .strictObject({
    postgres: z
      .strictObject({
        ...limits({ least: 256, usual: 1024 }, 512),
        sharedBuffersMiB: mebibytes(32).default(256),
        maxConnections: z.int().min(20).max(2000).default(200),
      })
      .prefault({}),
    redis: z
      .strictObject({ ...limits({ least: 64, usual: 384 }, 64), maxMemoryMiB: mebibytes(16).default(256) })
      .prefault({}),
    server: z
      .strictObject({
        // Including agents' tools, up to 128 of one organization.
        ...limits({ least: 768, usual: 2048 }, 1024),
        /** Processes for runs, in addition to the one for everything else. */
        workers: z.int().min(1).max(32).default(1),
        poolSize: z.int().min(1).max(500).default(25),
        maxOverflow: z.int().min(0).max(500).default(10),
      })
      .prefault({}),
    gateway: z.strictObject(limits({ least: 32, usual: 128 }, 256)).prefault({}),
    /** The trial model. */
    model: z.strictObject(limits({ least: 512, usual: 768 }, 128)).prefault({}),
    /** The status page. */
    page: z.strictObject(limits({ least: 64, usual: 96 }, 32)).prefault({}),
    backup: z.strictObject(limits({ least: 256, usual: 512 }, 256)).prefault({}),
    /** A drill runs a second Postgres. */
    drill: z.strictObject(limits({ least: 512, usual: 768 }, 256)).prefault({}),
    /** Postgres connections that one project may hold. */
    projectConnections: connections.default(30),
    /** Project -> what it may hold instead. Thoth idles at 20 connections, in four pools of up to 20 each. */
    connections: z
      .record(z.string(), connections)
      .default({})
      .transform((given): Record<string, number> => ({ thoth: 80, ...given })),
    /** How long one statement of a project may run, in seconds, unless its session changes it; 0: no limit. */
    projectStatementSeconds: z.int().min(0).default(300),
    /** How long a project's transaction may wait for its client, in seconds, unless its session changes it; 0: no limit. */
    projectIdleInTransactionSeconds: z.int().min(0).default(60),
  })
  .superRefine(({ postgres, redis, server, projectConnections }, context) => {
    const refuse = (path: [string, string], message: string) => context.addIssue({ code: "custom", path, message });
    const letta = serverConnections(server);
    const needed = letta + projectConnections + ownConnections;
    if (postgres.maxConnections < needed) {
      refuse(
        ["postgres", "maxConnections"],
        `is ${postgres.maxConnections}, but Letta alone may open ${letta} connections ` +
          `((workers + 1) x (poolSize + maxOverflow)); raise it to at least ${needed}`,
      );
    }
    const processes = postgres.maxConnections + ownProcesses;
    if (postgres.processes < processes) {
      refuse(["postgres", "processes"], `must be at least postgres.maxConnections + ${ownProcesses} (${processes})`);
    }
    const memory = postgres.sharedBuffersMiB * 2;
    if (postgres.memoryMiB < memory) {
      refuse(["postgres", "memoryMiB"], `must be at least 2 x postgres.sharedBuffersMiB (${memory} MiB)`);
    }
    const redisMemory = Math.ceil(redis.maxMemoryMiB * 1.25);
    if (redis.memoryMiB < redisMemory) {
      refuse(
        ["redis", "memoryMiB"],
        `must be at least 1.25 x redis.maxMemoryMiB (${redisMemory} MiB): Redis forks to rewrite its log`,
      );
    }
  });
