import { describe, expect, test } from "vitest";
import { ConfigError, parseConfig } from "../../../images/thoth/src/config.ts";

const COMPLETE = {
  DATABASE_URL: "postgresql://thoth:hunter2@letta-postgres:5432/thoth",
  THOTH_LETTA_URL: "http://letta-server:8283",
};

function mistakesOf(role: "api" | "mcp", environment: NodeJS.ProcessEnv): string {
  try {
    parseConfig(role, environment);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message;
  }
  throw new Error("the environment was accepted");
}

describe("parseConfig", () => {
  test("fills in Thoth's own defaults", () => {
    expect(parseConfig("api", COMPLETE)).toMatchObject({
      lettaUrl: "http://letta-server:8283",
      mcpHost: "0.0.0.0",
      mcpPort: 8001,
      vault: "/vault",
      settingsFile: "/vault/thoth/_thoth/settings.json",
      logLevel: "info",
      agentName: "thoth-assistant",
      discoveryInterval: 60,
    });
  });

  test("takes any of the names, and ignores a trailing slash", () => {
    const { THOTH_LETTA_URL: url, ...rest } = COMPLETE;
    const names = ["LETTA_BASE_URL", "LETTA_URL", "LETTA_SERVER_URL", "THOTH_LETTA_SERVER_URL"];
    for (const name of names) expect(parseConfig("api", { ...rest, [name]: `${url}/` }).lettaUrl).toBe(url);
  });

  test("refuses names that disagree, without printing their values", () => {
    const others = { LETTA_URL: "http://elsewhere:8283", LETTA_API_KEY: "one", LETTA_TOKEN: "two" };
    const message = mistakesOf("api", { ...COMPLETE, ...others });
    expect(message).toContain("THOTH_LETTA_URL: LETTA_URL says otherwise");
    expect(message).toContain("LETTA_API_KEY: LETTA_TOKEN says otherwise");
    expect(message).not.toMatch(/elsewhere|one\b.*two/);
  });

  test("reports all mistakes at once and no secret", () => {
    const mistakes = {
      DATABASE_URL: "mysql://thoth:hunter2@db/thoth",
      THOTH_LOG_LEVEL: "loud",
      MCP_HTTP_PORT: "http",
      OBSIDIAN_VAULT_PATH: "vault",
      THOTH_DISCOVERY_INTERVAL: "0",
    };
    const message = mistakesOf("api", mistakes);
    for (const name of Object.keys(mistakes)) expect(message).toContain(`${name}: `);
    expect(message).toContain("THOTH_LETTA_URL: is missing");
    expect(message).not.toContain("hunter2");
  });

  test("treats an empty value as unset, and requires Letta for the API only", () => {
    expect(parseConfig("mcp", { DATABASE_URL: COMPLETE.DATABASE_URL }).lettaUrl).toBeUndefined();
    expect(mistakesOf("mcp", { DATABASE_URL: " " })).toContain("DATABASE_URL: is missing");
    expect(parseConfig("mcp", { ...COMPLETE, THOTH_MCP_SERVICE_TOKEN: "" }).mcpServiceToken).toBeUndefined();
  });

  test("listens on a given address, and on all addresses if given a host name", () => {
    expect(parseConfig("mcp", { ...COMPLETE, MCP_HOST: "127.0.0.1" }).mcpHost).toBe("127.0.0.1");
    expect(parseConfig("mcp", { ...COMPLETE, THOTH_MCP_HOST: "thoth-mcp" }).mcpHost).toBe("0.0.0.0");
  });

  test("reports which keys are set and never their values", () => {
    const config = parseConfig("api", { ...COMPLETE, OPENAI_API_KEY: "sk-hidden", API_MISTRAL_KEY: "hidden" });
    expect(config.apiKeys).toMatchObject({ OPENAI_API_KEY: true, API_MISTRAL_KEY: true, BRAVE_API_KEY: false });
    expect(JSON.stringify(config)).not.toContain("hidden");
  });
});
