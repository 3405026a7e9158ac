import { describe, expect, test } from "vitest";
import { UserError } from "../../../../infra/lib/errors.ts";
import { engineStep, type Host, requireInstallable } from "../../../../scripts/setup/engine.ts";
import { installedVersion, isNewEnough, pulumiCliStep } from "../../../../scripts/setup/pulumi-cli.ts";
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
      expect(() => requireInstallable({ osRelease, isRoot: true })).not.toThrow();
    },
  );

  const onlyDebian = ", and setup can install one only on Debian and Ubuntu";
  test.each<[string, Partial<Host>, string, string]>([
    [
      "where DOCKER_HOST names another",
      { dockerHost: "tcp://10.0.0.1:2375" },
      ": DOCKER_HOST is tcp://10.0.0.1:2375",
      "start that engine, or unset DOCKER_HOST",
    ],
    [
      "on another distribution",
      { osRelease: "ID=fedora\nVARIANT_ID=debian-like\n" },
      onlyDebian,
      "install Docker and start it",
    ],
    ["on no distribution", { osRelease: "" }, onlyDebian, "install Docker and start it"],
    [
      "by anyone but root",
      { isRoot: false },
      ", and only root can start or install one",
      "start Docker, or run sudo make setup once",
    ],
  ])("is not installed %s", (_, changes, problem, fix) => {
    const host = { osRelease: "ID=debian\n", isRoot: true, ...changes };
    expect(() => requireInstallable(host)).toThrow(new UserError(`no Docker engine answers here${problem}`, fix));
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

  test("prints its version with a v before it", async () => {
    fakePrograms({ pulumi: { version: { stdout: "v3.256.0\n" } } });
    expect(await installedVersion(fakeDeps())).toBe("3.256.0");
    expect(await pulumiCliStep(fakeDeps()).isDone()).toBe(true);
  });

  test("that is too old, or fails, is not enough", async () => {
    fakePrograms({ pulumi: { version: [{ stdout: "v3.10.0\n" }, { exitCode: 127 }] } });
    expect(await pulumiCliStep(fakeDeps()).isDone()).toBe(false);
    expect(await pulumiCliStep(fakeDeps()).isDone()).toBe(false);
  });
});
