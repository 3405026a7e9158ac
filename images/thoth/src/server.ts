import Fastify, { type FastifyInstance, LogController } from "fastify";
import { ZodError, z } from "zod";
import { ABOUT, type Config, type Role } from "./config.ts";
import { blindHealth } from "./faithful.ts";
import { Health } from "./health.ts";
import { describeError } from "./log.ts";

/** A deliberate response other than 200. */
export class HttpError extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, message: string) {
    super(message);
    this.statusCode = statusCode;
  }
}

/** Creates a role's HTTP server with the routes all roles have. */
export function createServer(role: Role, config: Config): { server: FastifyInstance; health: Health } {
  const server = Fastify({
    logger: {
      level: config.logLevel,
      base: { role, standIn: true },
      formatters: { level: (level) => ({ level }) },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
    },
    // Health checks would drown everything else.
    logController: new LogController({ disableRequestLogging: config.logLevel !== "debug" }),
    // Open connections must not delay a stop.
    forceCloseConnections: true,
  });
  const health = new Health();
  server.get("/version", () => ({ ...ABOUT, role }));
  server.get("/health", async (_request, reply) => {
    const found = await health.report();
    if (config.isFaithful) {
      const { code, body } = blindHealth(role, found);
      return reply.code(code).send(body);
    }
    const { details, ...report } = found;
    return reply.code(report.status === "healthy" ? 200 : 503).send({ ...report, role, ...ABOUT, ...details });
  });
  server.setErrorHandler((error, request, reply) => {
    const { code, message } = explain(error);
    // A missing dependency is not a bug; its stack is of no use.
    if (code > 500) request.log.warn({ problem: message, url: request.url }, "a request failed");
    if (code === 500) request.log.error({ err: error, url: request.url }, "a request failed");
    return reply.code(code).send({ error: message });
  });
  server.setNotFoundHandler((request, reply) => {
    return reply.code(404).send({ error: `there is no ${request.method} ${request.url}` });
  });
  return { server, health };
}

/** The error response: full details for the caller's mistakes, one line for ours. */
function explain(error: unknown): { code: number; message: string } {
  if (error instanceof ZodError) return { code: 400, message: z.prettifyError(error) };
  const code = (error as { statusCode?: number }).statusCode;
  return code === undefined ? { code: 500, message: "internal error" } : { code, message: describeError(error) };
}
