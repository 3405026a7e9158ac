import { expect, test } from "vitest";
import { parseLettaConfig } from "../../../../infra/config/letta.ts";
import { fatesOf } from "../../../../scripts/adopt/variables.ts";

const fateOf = (name: string, value = "x") => fatesOf({ [name]: value })[0];

test.each([
  [
    "OPENAI_API_KEY",
    "sk-1",
    "taken, thoth-letta:secretEnv.OPENAI_API_KEY",
    { path: ["secretEnv", "OPENAI_API_KEY"], value: "sk-1" },
  ],
  [
    "OLLAMA_BASE_URL",
    "http://a:1",
    "taken, thoth-letta:env.OLLAMA_BASE_URL",
    { path: ["env", "OLLAMA_BASE_URL"], value: "http://a:1" },
  ],
  [
    "LETTA_ENCRYPTION_KEY",
    "k",
    "taken, thoth-letta:secretEnv.LETTA_ENCRYPTION_KEY",
    { path: ["secretEnv", "LETTA_ENCRYPTION_KEY"], value: "k" },
  ],
  [
    "LETTA_PG_POOL_SIZE",
    "20",
    "renamed, thoth-letta:sizes.server.poolSize",
    { path: ["sizes", "server", "poolSize"], value: 20 },
  ],
  [
    "LETTA_SERVER_CORS_ORIGINS",
    "https://a.b, https://c.d",
    "renamed, thoth-letta:allowedOrigins",
    { path: ["allowedOrigins"], value: ["https://a.b", "https://c.d"] },
  ],
  [
    "LETTA_PG_URI",
    "postgresql://x",
    "not needed, would move Letta to another database, past its migration and backups",
    undefined,
  ],
  ["LETTA_SERVER_PORT", "8283", "not needed, thoth-letta:ports.server is the port on this host", undefined],
  ["GROQ_API_KEY", "", "not needed, is empty", undefined],
])("%s is %s", (name, value, words, change) => {
  const found = fateOf(name, value);
  expect(`${found?.fate}, ${found?.why}`).toBe(words);
  expect(found?.change).toEqual(change);
});

test("passwords of the old installation are never taken", () => {
  for (const name of ["POSTGRES_PASSWORD", "LETTA_SERVER_PASSWORD", "LETTA_PG_PASSWORD"])
    expect(fateOf(name)?.change, name).toBeUndefined();
});

test("what is taken is a valid config", () => {
  const given = { OPENAI_API_KEY: "k", OLLAMA_BASE_URL: "http://a:1", LETTA_PG_POOL_SIZE: "20", TZ: "UTC" };
  const raw: Record<string, unknown> = {};
  for (const { change } of fatesOf(given)) {
    const [key = "", ...inside] = change?.path ?? [];
    const value = inside.reduceRight<unknown>((inner, part) => ({ [part]: inner }), change?.value);
    raw[key] = { ...(raw[key] as object | undefined), ...(value as object) };
  }
  expect(parseLettaConfig(raw, "letta")).toMatchObject({ env: { TZ: "UTC" }, sizes: { server: { poolSize: 20 } } });
});
