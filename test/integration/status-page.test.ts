import axe from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Report } from "../../images/page/src/contract.ts";
import { docker, dockerOutput } from "../../infra/lib/docker/engine.ts";
import { lettaJson } from "../../infra/lib/letta/api.ts";
import type { StackStatus } from "../../scripts/status/collect.ts";
import { createAgent } from "../support/conversation.ts";
import { sharedStacks } from "../support/shared-stacks.ts";
import { Visitor } from "../support/visitor.ts";

const stacks = sharedStacks();
const visitor = new Visitor(stacks.letta);
let browser: Browser;
let url: string;
let token: string;

beforeAll(async () => {
  await visitor.start();
  browser = await visitor.browser();
  const { urls, pageToken = "" } = await stacks.lettaOutputs();
  [url, token] = [`${urls.gateway}/status`, pageToken];
}, 600_000);

afterAll(async () => {
  await browser?.close();
  await visitor.remove();
});

/** A page of a browser that nobody has used yet. */
async function fresh(options: Parameters<Browser["newContext"]>[0] = {}): Promise<Page> {
  const page = await (await browser.newContext(options)).newPage();
  await page.goto(url);
  return page;
}

/** The status page, logged in, with its first data. */
async function open(options: Parameters<Browser["newContext"]>[0] = {}): Promise<Page> {
  const page = await fresh(options);
  await page.getByLabel("Token").fill(token);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Services" }).waitFor();
  return page;
}

const dataOf = (page: Page) => page.evaluate<Report>(`fetch("status/data?since=0").then((answer) => answer.json())`);
const row = (page: Page, name: string) =>
  page.getByRole("row").filter({ has: page.getByRole("rowheader", { name, exact: true }) });

async function commandStatus(): Promise<StackStatus> {
  const { stdout } = await stacks.command(["letta", "status", "--json"]);
  return (JSON.parse(stdout) as { stacks: StackStatus[] }).stacks[0] as StackStatus;
}

describe("the login", () => {
  test("takes the page's token alone, typed with the keyboard alone", async () => {
    const page = await fresh();
    const { projects, serverPassword } = await stacks.lettaOutputs();
    for (const wrong of [projects.thoth?.token ?? "", serverPassword]) {
      await page.keyboard.press("Tab");
      await page.keyboard.type(wrong);
      await page.keyboard.press("Enter");
      await page.getByRole("alert").filter({ hasText: "This is not the token." }).waitFor();
    }
    await page.keyboard.press("Tab");
    await page.keyboard.type(token);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: `Stack ${stacks.letta}` }).waitFor();
    await page.getByRole("button", { name: "Log out" }).press("Enter");
    await page.getByLabel("Token").waitFor();
  });

  test("is not replaced by a project's token in a header", async () => {
    const { projects } = await stacks.lettaOutputs();
    const headers = { authorization: `Bearer ${projects.thoth?.token}` };
    expect((await fetch(`${url}/data`, { headers })).status).toBe(401);
  });
});

describe("what it shows", () => {
  test("is what make status says", async () => {
    await createAgent(await stacks.projectEndpoint(), 1);
    const page = await open();
    await vi.waitFor(
      async () => {
        const [said, shown] = await Promise.all([commandStatus(), dataOf(page)]);
        const health = (services: readonly { name: string; isHealthy: boolean }[]) =>
          Object.fromEntries(services.map(({ name, isHealthy }) => [name, isHealthy]));
        expect(health(shown.services)).toEqual(
          health(said.services.map(({ name, health: one }) => ({ name, isHealthy: one === "healthy" }))),
        );
        expect(shown.projects.reduce((sum, { agents }) => sum + (agents ?? Number.NaN), 0)).toBe(said.agents);
        expect(shown.databaseBytes).toEqual(said.databaseBytes);
        expect(shown.backup?.status.lastBackup).toEqual(said.backup?.lastBackup);
        expect(shown.backup?.status.problems).toEqual(said.backup?.problems);
      },
      { timeout: 60_000, interval: 1000 },
    );
    const { projects, backup } = await dataOf(page);
    for (const { name, agents } of projects) {
      const shown = () => row(page, name).getByRole("cell").first().textContent();
      await expect.poll(shown, { timeout: 30_000 }).toBe(String(agents));
    }
    await expect.poll(() => page.getByText(`(${backup?.status.lastBackup?.type}, `).count()).toBe(1);
  });

  test("counts a project's requests and errors, tells the last one, and counts neither its own nor the probe's", async () => {
    const endpoint = await stacks.projectEndpoint();
    const page = await open();
    const since = Math.floor(Date.now() / 60_000) - 1;
    const sum = ({ history }: Report, name: string) =>
      (history[name] ?? []).reduce((total, [minute, value]) => total + (minute > since ? value : 0), 0);
    for (let asked = 0; asked < 5; asked += 1) await lettaJson(endpoint, "GET", "/v1/agents/count");
    await expect(lettaJson(endpoint, "GET", "/v1/admin/users/")).rejects.toThrow("403");
    await vi.waitFor(
      async () => {
        const data = await dataOf(page);
        expect(sum(data, "requests/thoth")).toBeGreaterThanOrEqual(6);
        expect(sum(data, "errors/thoth")).toBeGreaterThanOrEqual(1);
        expect(Object.keys(data.history)).not.toContain("requests/letta-probe");
      },
      { timeout: 130_000, interval: 5000 },
    );
    const thoth = (await dataOf(page)).projects.find(({ name }) => name === "thoth");
    expect(Date.now() - Date.parse(thoth?.lastRequest ?? "")).toBeLessThan(300_000);
  });

  test("is what a command on the host left, such as make doctor", async () => {
    const { stdout } = await stacks.command(["doctor", "--json"]);
    const { checks } = JSON.parse(stdout) as { checks: { findings: object[] }[] };
    const findings = checks.flatMap((check) => check.findings);
    const page = await open();
    // What another look found a moment before is shown for a while.
    await vi.waitFor(async () => expect((await dataOf(page)).doctor?.findings).toEqual(findings), { timeout: 30_000 });
    await page.getByRole("heading", { name: "Found by make doctor" }).waitFor();
  });
});

test("a service that stops answering turns red without reloading, with the command that helps, and green again", async () => {
  const page = await open();
  const redis = row(page, `${stacks.letta}-redis`);
  await redis.getByText("healthy", { exact: true }).waitFor();
  await dockerOutput(["pause", `${stacks.letta}-redis`]);
  try {
    await redis.getByText("unhealthy").waitFor({ timeout: 60_000 });
    const problem = page
      .getByRole("listitem")
      .filter({ hasText: `${stacks.letta}-redis does not work: it does not answer` });
    await problem.getByText("make letta-start").waitFor();
    expect(await page.title()).toMatch(/error/);
  } finally {
    await dockerOutput(["unpause", `${stacks.letta}-redis`]);
  }
  await redis.getByText("healthy", { exact: true }).waitFor({ timeout: 60_000 });
});

describe.each(["light", "dark"] as const)("in %s colors", (colorScheme) => {
  test.each([1280, 390])("%i pixels wide, everybody can read and reach it", async (width) => {
    const page = await open({ colorScheme, viewport: { width, height: 900 } });
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate<{ violations: { id: string; nodes: { html: string }[] }[] }>(
      "axe.run()",
    );
    expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
    const login = await fresh({ colorScheme, viewport: { width, height: 900 } });
    await login.evaluate(axe.source);
    expect(((await login.evaluate("axe.run()")) as { violations: { id: string }[] }).violations).toEqual([]);
  });
});

test("it loads nothing from elsewhere, and its policy blocks none of its own parts", async () => {
  const page = await fresh();
  const asked: string[] = [];
  const complaints: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.getByLabel("Token").fill(token);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Services" }).waitFor();
  expect(asked.filter((one) => !one.startsWith(url) && !one.startsWith("data:"))).toEqual([]);
  expect(complaints).toEqual([]);
});

describe("what it must not open", () => {
  test("a page of another origin on this host can read nothing, though Obsidian's may call Letta", async () => {
    const answer = await fetch(url, { headers: { origin: "http://localhost" } });
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    expect((await fetch(`${url}/data`, { headers: { "sec-fetch-site": "same-site" } })).status).toBe(403);
  });

  test("a project's container reaches neither the page past the gateway nor the gateway's numbers", async () => {
    const inProject = (path: string) =>
      docker(["exec", `${stacks.thoth}-api`, "curl", "-sS", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", path]);
    const direct = await inProject("http://letta-page:8290/health");
    expect(direct.exitCode).not.toBe(0);
    expect((await inProject("http://letta-nginx:8284/nginx-status")).stdout).toBe("403");
  });

  test.each([
    ["the text of a message", "select text from messages limit 1"],
    ["the name of an agent", "select name from agents limit 1"],
    ["a provider's key", "select api_key_enc from providers limit 1"],
    ["to act as Letta", "set role letta"],
    ["to write", "create table public.x (y int)"],
  ])("its role in Postgres is refused %s", async (_, sql) => {
    const asPage = `set session authorization "letta-page"; ${sql}`;
    await expect(stacks.psql(asPage, "letta")).rejects.toThrow(/permission denied|read-only/);
  });

  test("its environment, log and answers have none of the stack's secrets", async () => {
    const { projects, serverPassword, recoveryKey } = await stacks.lettaOutputs();
    const page = await open();
    const container = `${stacks.letta}-page`;
    const texts = [
      JSON.stringify(await dataOf(page)),
      await page.content(),
      await dockerOutput(["inspect", container]),
      await dockerOutput(["logs", container]),
      await dockerOutput(["exec", container, "cat", "/run/credentials/page.json"]),
    ].join("\n");
    const secrets = [
      serverPassword,
      recoveryKey,
      token,
      ...Object.values(projects).flatMap((one) => [one.token, one.encryptionKey]),
    ];
    for (const secret of secrets) expect(texts.includes(secret)).toBe(false);
  });
});
