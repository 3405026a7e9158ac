import { describe, expect, test } from "vitest";
import { usualEngine } from "../../../../infra/lib/docker/host.ts";
import { UserError } from "../../../../infra/lib/errors.ts";
import { engineStep, type Host, requireInstallable } from "../../../../scripts/setup/engine.ts";
import { isNewEnough, pulumiCliStep } from "../../../../scripts/setup/pulumi-cli.ts";
import { engineDown } from "../../../support/container-state.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { fakePrograms } from "../../../support/fake-programs.ts";

describe("the Docker engine", () => {
  test.each([
    ["answers", { stdout: "20.10.24\n" }, true],
    ["does not answer", engineDown, false],
  ])("that %s", async (_, version, isDone) => {
    fakePrograms({ docker: { version } });
    expect(await engineStep(fakeDeps()).isDone()).toBe(isDone);
  });

  test.each(["ID=debian\n", "ID=ubuntu\nID_LIKE=debian\n", 'ID=linuxmint\nID_LIKE="ubuntu debian"\n'])(
    "may be installed by root on %j",
    (osRelease) => {
      expect(() => requireInstallable({ engine: usualEngine, osRelease, isRoot: true })).not.toThrow();
    },
  );

  const otherHost =
    /^no Docker engine answers here, and setup can install one only on Debian and Ubuntu\n {2}fix: install/;
  test.each<[string, Partial<Host>, RegExp]>([
    [
      "where another is named",
      { engine: "tcp://a" },
      /here: DOCKER_HOST, or the Docker context in use, names tcp:\/\/a\n {2}fix: start that engine/,
    ],
    ["on another distribution", { osRelease: "ID=fedora\nVARIANT_ID=debian-like\n" }, otherHost],
    ["on no distribution", { osRelease: "" }, otherHost],
    ["by anyone but root", { isRoot: false }, /only root can start or install one\n {2}fix: .*sudo make setup once/],
  ])("is not installed %s", (_, changes, message) => {
    const host = { engine: usualEngine, osRelease: "ID=debian\n", isRoot: true, ...changes };
    expect(() => requireInstallable(host)).toThrow(UserError);
    expect(() => requireInstallable(host)).toThrow(message);
  });
});

describe("the Pulumi CLI", () => {
  test.each([
    [undefined, false],
    ["3.199.9", false],
    ["3.200.0", true],
    ["3.1000.0", true],
    ["unknown", false],
    ["3.200.0-alpha.1", false],
    ["3.257.0-dev.0", true],
  ])("%s is new enough: %s", (version, expected) => {
    expect(isNewEnough(version)).toBe(expected);
  });

  test.each([
    ["new enough, after a v,", { stdout: "v3.256.0\n" }, true],
    ["too old", { stdout: "v3.10.0\n" }, false],
    ["missing", { exitCode: 127 }, false],
  ])("that is %s is reported so", async (_, version, isDone) => {
    fakePrograms({ pulumi: { version } });
    expect(await pulumiCliStep(fakeDeps()).isDone()).toBe(isDone);
  });
});
