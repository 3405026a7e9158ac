import * as pulumi from "@pulumi/pulumi";
import { describe, expect, test } from "vitest";
import {
  ignoredNames,
  thothEnvironment,
  thothSecrets,
  withKeyTwins,
} from "../../../infra/components/thoth-environment.ts";
import { resolved } from "../../support/stack-graphs.ts";

test("all five names of Letta's URL say the same; settings and home are in the vault, to outlive the container", () => {
  const env = thothEnvironment("http://letta-nginx:8284", "http://thoth-mcp:8001", false);
  const names = ["THOTH_LETTA_URL", "LETTA_BASE_URL", "LETTA_URL", "LETTA_SERVER_URL", "THOTH_LETTA_SERVER_URL"];
  expect(names.map((name) => env[name])).toEqual(Array(5).fill("http://letta-nginx:8284"));
  expect(env).toMatchObject({
    THOTH_MCP_URL: "http://thoth-mcp:8001",
    OBSIDIAN_VAULT_PATH: "/vault",
    THOTH_SETTINGS_FILE: "/vault/thoth/_thoth/settings.json",
    HOME: "/vault/thoth/_thoth",
  });
});

const encryptionKey = Buffer.alloc(32).toString("base64url");
const letta = { token: "password", databaseUrl: "postgresql://x", encryptionKey };

describe("secrets", () => {
  const nothing = { file: {}, config: {}, setInTheOpen: [] };

  test("the project's token has all four names of Letta's password; the MCP server has a token in single-user mode too", () => {
    const { WORKFLOW_ENCRYPTION_KEY, ...others } = thothSecrets(letta, "token", nothing);
    expect(others).toEqual({
      DATABASE_URL: "postgresql://x",
      LETTA_SERVER_PASSWORD: "password",
      LETTA_SERVER_PASS: "password",
      LETTA_API_KEY: "password",
      LETTA_TOKEN: "password",
      THOTH_MCP_SERVICE_TOKEN: "token",
      THOTH_MCP_AUTH_TOKEN: "token",
    });
  });

  test("the encryption key has the padding without which Python refuses it", async () => {
    const { WORKFLOW_ENCRYPTION_KEY: key } = thothSecrets(letta, "token", nothing);
    expect(await resolved(key)).toBe(`${"A".repeat(43)}=`);
    expect(await pulumi.isSecret(pulumi.output(key))).toBe(true);
  });

  test("an operator's own encryption key and MCP token win, wherever they are set", async () => {
    const own = { WORKFLOW_ENCRYPTION_KEY: "own-key", THOTH_MCP_AUTH_TOKEN: "own-token" };
    for (const place of [{ file: own }, { config: own }]) {
      const secrets = thothSecrets(letta, "token", { ...nothing, ...place });
      expect(await resolved(secrets.WORKFLOW_ENCRYPTION_KEY)).toBe("own-key");
      expect(await resolved(secrets.THOTH_MCP_AUTH_TOKEN)).toBe("own-token");
    }
  });

  test("the operator's own are secrets, both names of a key included", async () => {
    const secrets = thothSecrets(letta, "token", { ...nothing, file: { MISTRAL_API_KEY: "m" } });
    const both = [secrets.MISTRAL_API_KEY, secrets.API_MISTRAL_KEY].map((value) => pulumi.output(value));
    expect(await resolved(both)).toEqual(["m", "m"]);
    expect(await Promise.all(both.map((value) => pulumi.isSecret(value)))).toEqual([true, true]);
  });
});

describe("an operator's variable that the stack sets too", () => {
  const file = { DATABASE_URL: "postgresql://elsewhere", THOTH_LETTA_URL: "http://elsewhere", OTHER: "o" };

  test("does not count when it is in the env file", () => {
    const secrets = thothSecrets(letta, "token", { file, config: {}, setInTheOpen: ["THOTH_LETTA_URL"] });
    expect(secrets.DATABASE_URL).toBe("postgresql://x");
    expect(Object.keys(secrets)).toContain("OTHER");
    expect(Object.keys(secrets)).not.toContain("THOTH_LETTA_URL");
    expect(ignoredNames(file, ["THOTH_LETTA_URL"])).toEqual(["DATABASE_URL", "THOTH_LETTA_URL"]);
  });

  test("counts when it is in the config", async () => {
    const secrets = thothSecrets(letta, "token", { file: {}, config: file, setInTheOpen: [] });
    expect(await resolved(secrets.DATABASE_URL)).toBe("postgresql://elsewhere");
  });
});

test.each(["OPENROUTER", "MISTRAL", "GOOGLE", "SEMANTIC_SCHOLAR"])("both names of %s's key fill each other", (name) => {
  const [first, second] = [`${name}_API_KEY`, `API_${name}_KEY`];
  const both = { [first]: "key", [second]: "key" };
  expect(withKeyTwins({ [first]: "key" })).toEqual(both);
  expect(withKeyTwins({ [second]: "key" })).toEqual(both);
});

test("two names of a key that differ are both kept, and others stay as they are", () => {
  const env = { GOOGLE_API_KEY: "a", API_GOOGLE_KEY: "b", OTHER: "c" };
  expect(withKeyTwins(env)).toEqual(env);
});
