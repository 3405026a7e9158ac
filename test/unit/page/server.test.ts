import { createHash } from "node:crypto";
import type { AddressInfo } from "node:net";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { Settings } from "../../../images/page/src/contract.ts";
import { pageServer } from "../../../images/page/src/server.ts";
import { Sessions, sessionSeconds } from "../../../images/page/src/sessions.ts";

const token = "a".repeat(40);
const hashOf = (text: string) => createHash("sha256").update(text).digest("hex");
let settings: Settings;
let url: string;
let isTrusted: boolean;

beforeEach(async () => {
  isTrusted = true;
  settings = {
    ...{
      stack: "letta",
      tokenHashes: [hashOf(token)],
      database: { user: "", password: "" },
      projects: {},
      services: {},
    },
    gatewayAddress: "",
  };
  const server = pageServer({
    settings: () => settings,
    collector: { report: async (since) => ({ since }) as never },
    pages: { page: "<style>a</style><script>b</script>the page", login: "<!--message-->the login" },
    isTrusted: () => isTrusted,
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close().closeAllConnections());
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

const ask = (path: string, init: RequestInit = {}) => fetch(`${url}${path}`, { redirect: "manual", ...init });
const login = (text: string, headers: Record<string, string> = {}) =>
  ask("/status", { method: "POST", body: new URLSearchParams({ token: text }), headers });
const cookieOf = (response: Response) => response.headers.get("set-cookie")?.split(";")[0] ?? "";

test("without a login there is the form, and no data", async () => {
  const page = await ask("/status");
  expect([page.status, await page.text()]).toEqual([401, "the login"]);
  const data = await ask("/status/data");
  expect([data.status, await data.text()]).toEqual([401, ""]);
});

test("the token gives a session in a cookie that scripts and other sites cannot use", async () => {
  const answer = await login(token);
  expect([answer.status, answer.headers.get("location")]).toEqual([303, "status"]);
  expect(answer.headers.get("set-cookie")).toMatch(
    /^letta-page=[\w-]{43}; Path=\/status; Max-Age=43200; HttpOnly; SameSite=Strict$/,
  );
  const cookie = cookieOf(answer);
  expect(await (await ask("/status", { headers: { cookie } })).text()).toContain("the page");
  expect(await (await ask("/status/data?since=7", { headers: { cookie } })).json()).toEqual({ since: 7 });
  const overTls = await login(token, { "x-forwarded-proto": "http https" });
  expect(overTls.headers.get("set-cookie")).toMatch(/; Secure$/);
});

test("another token gives nothing, and after five from one address even the right one has to wait", async () => {
  const from = { "x-real-ip": "10.0.0.1" };
  for (let wrong = 0; wrong < 5; wrong += 1) expect((await login(`wrong-${wrong}`, from)).status).toBe(401);
  const later = await login(token, from);
  expect([later.status, later.headers.get("retry-after"), later.headers.get("set-cookie")]).toEqual([429, "60", null]);
  expect((await login(token, { "x-real-ip": "10.0.0.2" })).status).toBe(303);
});

test("logging out ends the session, and so do new credentials", async () => {
  const cookie = cookieOf(await login(token));
  const isKnown = async (one: string) => (await ask("/status/data", { headers: { cookie: one } })).status === 200;
  expect(await isKnown(cookie)).toBe(true);
  expect((await ask("/status/logout", { method: "POST", headers: { cookie } })).status).toBe(303);
  expect(await isKnown(cookie)).toBe(false);
  const second = cookieOf(await login(token));
  settings = { ...settings, tokenHashes: [hashOf("b".repeat(40))] };
  expect(await isKnown(second)).toBe(false);
});

describe("a page of another origin", () => {
  test.each(["cross-site", "same-site"])("that is %s gets no data and cannot log in or out", async (site) => {
    const cookie = cookieOf(await login(token));
    const headers = { cookie, "sec-fetch-site": site };
    expect((await ask("/status/data", { headers })).status).toBe(403);
    expect((await login(token, headers)).status).toBe(403);
    expect((await ask("/status/logout", { method: "POST", headers })).status).toBe(403);
  });

  test("may be the one that a link leads here from", async () => {
    expect((await ask("/status", { headers: { "sec-fetch-site": "cross-site" } })).status).toBe(401);
  });
});

test("a page may run its own script and style, and nothing else", async () => {
  const cookie = cookieOf(await login(token));
  const { headers } = await ask("/status", { headers: { cookie } });
  const hash = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  const policy = headers.get("content-security-policy") ?? "";
  expect(policy).toContain(`default-src 'none'; script-src ${hash("b")}; style-src ${hash("a")}; connect-src 'self';`);
  expect(policy).not.toContain("unsafe");
  expect(headers.get("x-frame-options")).toBe("DENY");
  expect((await ask("/status")).headers.get("content-security-policy")).toContain("script-src 'none'");
});

test("only the gateway gets an answer", async () => {
  isTrusted = false;
  await expect(ask("/status")).rejects.toThrow();
});

test("a session ends after its time, and failures are forgotten after a minute", () => {
  const sessions = new Sessions();
  const hashes = [hashOf(token)];
  const session = sessions.login(token, hashes, "a", 0) as { id: string };
  expect(sessions.has(session.id, hashes, sessionSeconds * 1000 - 1)).toBe(true);
  expect(sessions.has(session.id, hashes, sessionSeconds * 1000)).toBe(false);
  for (let wrong = 0; wrong < 5; wrong += 1) sessions.login("wrong", hashes, "a", 0);
  expect(sessions.login(token, hashes, "a", 59_999)).toBe("later");
  expect(sessions.login(token, hashes, "a", 60_000)).toHaveProperty("id");
});
