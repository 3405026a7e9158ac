import { describe, expect, test } from "vitest";
import { browserOpener, showPage } from "../../../../scripts/status/page.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { fakePrograms } from "../../../support/fake-programs.ts";
import { lettaOutputs, pulumiAnswers } from "../../../support/fake-stacks.ts";

async function shown(showSecrets: boolean, letta: object = { ...lettaOutputs, pageToken: "the-token" }) {
  fakePrograms({
    pulumi: pulumiAnswers({ "stack output --json --show-secrets --stack letta": { stdout: JSON.stringify(letta) } }),
  });
  const deps = fakeDeps();
  await showPage({ lettaStack: "letta", showSecrets }, deps);
  return deps.printed;
}

test("the page's address comes with the command that prints its token, or with the token", async () => {
  expect(await shown(false)).toEqual(["http://127.0.0.1:2/status", "its token: make status-page SHOW=1"]);
  expect(await shown(true)).toEqual(["http://127.0.0.1:2/status", "the-token"]);
});

test("a stack without a page says why, and what brings one", async () => {
  await expect(shown(false, lettaOutputs)).rejects.toThrow("thoth-letta:page.enabled is false");
});

describe("the browser opens only where somebody would see it", () => {
  const everywhere = () => true;
  test.each<[NodeJS.Platform, NodeJS.ProcessEnv, string | undefined]>([
    ["linux", {}, undefined],
    ["linux", { DISPLAY: ":0" }, "/usr/bin/xdg-open"],
    ["linux", { WAYLAND_DISPLAY: "wayland-0" }, "/usr/bin/xdg-open"],
    ["darwin", {}, "open"],
    ["darwin", { SSH_CONNECTION: "a" }, undefined],
  ])("on %s with %j: %s", (platform, environment, expected) => {
    expect(browserOpener(platform, environment, everywhere)).toBe(expected);
  });

  test("and where a program for it is there", () => {
    expect(browserOpener("linux", { DISPLAY: ":0" }, () => false)).toBeUndefined();
  });
});
