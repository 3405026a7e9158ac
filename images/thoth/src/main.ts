import { ABOUT, type Config, ConfigError, PORTS, parseConfig, ROLES, type Role } from "./config.ts";
import { Database } from "./database.ts";
import { idleConnections, ignoresStop, serves, startSlowly } from "./faithful.ts";
import { Papers } from "./papers.ts";
import { untilAborted } from "./retry.ts";
import type { RoleSetup } from "./roles/context.ts";
import { createServer } from "./server.ts";

/** Exit codes of sysexits.h, which tell scripts a wrong command from a wrong environment. */
const EXIT = { usage: 64, software: 70, configuration: 78 } as const;
/** How long a stop may take, in milliseconds; Docker kills after ten seconds. */
const STOP_LIMIT = 3000;

/** Loads only the selected role's module: the others' libraries cost start time and memory. */
const SETUPS: Readonly<Record<Role, () => Promise<RoleSetup>>> = {
  api: async () => (await import("./roles/api.ts")).setUpApi,
  mcp: async () => (await import("./roles/mcp.ts")).setUpMcp,
  discovery: async () => (await import("./roles/discovery.ts")).setUpDiscovery,
  monitor: async () => (await import("./roles/monitor.ts")).setUpMonitor,
};

async function run(role: Role, config: Config, stop: AbortController): Promise<void> {
  if (config.isFaithful) await startSlowly(role, config.startSeconds, process.env);
  const setUp = await SETUPS[role]();
  const { server, health } = createServer(role, config);
  const idle = config.isFaithful ? idleConnections : 0;
  const database = new Database(config.databaseUrl, config.databaseAuthority, server.log, idle);
  health.dependsOn("database", () => database.ping());
  const work = setUp({ config, server, health, database, papers: new Papers(database), log: server.log });
  const host = role === "mcp" ? config.mcpHost : "0.0.0.0";
  server.log.info(`Thoth stand-in ${ABOUT.version}, role ${role}. ${ABOUT.notice}`);
  if (!config.isFaithful || serves(role))
    await server.listen({ host, port: role === "mcp" ? config.mcpPort : PORTS[role] });
  try {
    // The server answers from here on, so its health shows what the work below waits for.
    await database.prepare(stop.signal);
    await work?.(stop.signal);
    await untilAborted(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    await server.close();
    await database.close();
  }
}

/** As process 1, only its own handler ends this program. */
function stopOnSignal(role: Role, stop: AbortController): void {
  const isDeaf = process.env.THOTH_STAND_IN_FAITHFUL !== undefined && ignoresStop(role);
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (isDeaf) return;
      stop.abort();
      setTimeout(() => process.exit(0), STOP_LIMIT).unref();
    });
  }
}

async function main(role: string | undefined): Promise<number> {
  if (!ROLES.some((name) => name === role)) {
    console.error(`usage: thoth ${ROLES.join(" | thoth ")}\n${ABOUT.notice}`);
    return EXIT.usage;
  }
  const stop = new AbortController();
  stopOnSignal(role as Role, stop);
  try {
    await run(role as Role, parseConfig(role as Role, process.env), stop);
    return 0;
  } catch (error) {
    // A bug keeps its stack; a mistake the operator can fix is only a message.
    console.error(error instanceof ConfigError ? error.message : error);
    return error instanceof ConfigError ? EXIT.configuration : EXIT.software;
  }
}

process.exit(await main(process.argv[2]));
