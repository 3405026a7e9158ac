import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import type { Collector } from "./collector.ts";
import type { Settings } from "./contract.ts";
import { Sessions, sessionSeconds } from "./sessions.ts";

/** The two pages, each with its script and style in it. */
interface Pages {
  readonly page: string;
  readonly login: string;
}

/** What a client on the way here through the gateway may ask. */
export interface ServerParts {
  readonly settings: () => Settings;
  readonly collector: Pick<Collector, "report">;
  readonly pages: Pages;
  /** Whether an address may ask at all. */
  readonly isTrusted: (address: string) => boolean;
  readonly sessions?: Sessions;
}

/** The page, its data and its login, for the gateway alone. */
export function pageServer({ settings, collector, pages, isTrusted, sessions = new Sessions() }: ServerParts): Server {
  const html = (response: ServerResponse, status: number, page: string) => {
    response.writeHead(status, {
      ...headers,
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": policy(page),
    });
    response.end(page);
  };
  const login = async (request: IncomingMessage, response: ServerResponse) => {
    const { stack, tokenHashes } = settings();
    const token = new URLSearchParams(await text(request)).get("token")?.trim() ?? "";
    const result = sessions.login(token, tokenHashes, String(request.headers["x-real-ip"] ?? ""));
    if (result === "later") {
      response.setHeader("retry-after", "60");
      return html(response, 429, loginPage(pages, "Too many wrong tokens; try again in a minute."));
    }
    if (result === "wrong") return html(response, 401, loginPage(pages, "This is not the token."));
    const secure = /https/.test(String(request.headers["x-forwarded-proto"])) ? "; Secure" : "";
    const cookie = `${cookieName(stack)}=${result.id}; Path=/status; Max-Age=${sessionSeconds}; HttpOnly; SameSite=Strict${secure}`;
    response.writeHead(303, { ...headers, location: "status", "set-cookie": cookie }).end();
  };
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? "/", "http://page");
    const { stack, tokenHashes } = settings();
    const route = `${request.method} ${url.pathname}`;
    if (route === "GET /health") return response.writeHead(200, headers).end("ok\n");
    // Another port of this host is the same site for a cookie, but another origin.
    if (
      !["same-origin", "none", undefined].includes(request.headers["sec-fetch-site"] as string | undefined) &&
      route !== "GET /status"
    )
      return response.writeHead(403, headers).end();
    const id = cookieOf(request, cookieName(stack));
    const isKnown = sessions.has(id, tokenHashes);
    if (route === "POST /status") return login(request, response);
    if (route === "GET /status")
      return html(response, isKnown ? 200 : 401, isKnown ? pages.page : loginPage(pages, ""));
    if (route === "POST /status/logout") {
      sessions.logout(id);
      return response.writeHead(303, { ...headers, location: "../status" }).end();
    }
    if (route !== "GET /status/data") return response.writeHead(404, headers).end();
    if (!isKnown) return response.writeHead(401, headers).end();
    const report = await collector.report(Number(url.searchParams.get("since")) || 0);
    return response.writeHead(200, { ...headers, "content-type": "application/json" }).end(JSON.stringify(report));
  };
  const server = createServer(async (request, response) => {
    try {
      await handle(request, response);
    } catch (error) {
      console.error(error);
      if (!response.headersSent) response.writeHead(500, headers);
      response.end();
    }
  });
  server.on("connection", (socket) => {
    if (!isTrusted(socket.remoteAddress ?? "")) socket.destroy();
  });
  return server;
}

const headers = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
} as const;

const loginPage = ({ login }: Pages, message: string) => login.replace("<!--message-->", message);

/** Cookies know no ports: stacks on one host must not log each other out. */
const cookieName = (stack: string) => `${stack}-page`;

function cookieOf({ headers: { cookie = "" } }: IncomingMessage, name: string): string {
  const found = cookie.split("; ").find((pair) => pair.startsWith(`${name}=`));
  return found?.slice(name.length + 1) ?? "";
}

/** Runs and loads nothing but what is in the page, and talks to nobody but where it comes from. */
function policy(page: string): string {
  const hashes = (tag: string) =>
    [...page.matchAll(new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`, "g"))]
      .map(([, content = ""]) => `'sha256-${createHash("sha256").update(content).digest("base64")}'`)
      .join(" ");
  const of = (kind: string, tag: string) => `${kind} ${hashes(tag) || "'none'"}`;
  const others = "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; img-src data:";
  return `default-src 'none'; ${of("script-src", "script")}; ${of("style-src", "style")}; ${others}`;
}
