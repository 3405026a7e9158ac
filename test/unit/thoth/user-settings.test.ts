import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../../scripts/lib/checkout.ts";
import { temporaryFiles } from "../../support/temporary.ts";

const script = join(root, "images/thoth-published/user_settings.py");
const file = (user: string) => `${user}/thoth/_thoth/settings.json`;

test("keys without a value leave the settings of Thoth's users; all else stays, and so does a second run", () => {
  const vaults = temporaryFiles({
    [file("marie")]: '{"api_keys": {"openai_key": null, "google_key": "key"}, "postgres": {"port": 5432}}',
    [file("own")]: '{"apiKeys": {"openaiKey": "key"}}',
  });
  const run = () => {
    const env = { ...process.env, THOTH_VAULTS_ROOT: vaults };
    return execFileSync("python3", ["-IS", script], { encoding: "utf8", env });
  };
  expect(run()).toBe("removed keys without a value from the settings of user marie\n");
  const read = (user: string) => JSON.parse(readFileSync(join(vaults, file(user)), "utf8"));
  expect(read("marie")).toEqual({ api_keys: { google_key: "key" }, postgres: { port: 5432 } });
  expect(read("own")).toEqual({ apiKeys: { openaiKey: "key" } });
  expect(run()).toBe("");
});
