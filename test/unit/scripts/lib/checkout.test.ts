import { describe, expect, test } from "vitest";
import { paths, projectEnvironment } from "../../../../scripts/lib/checkout.ts";

describe("the environment", () => {
  test("has this checkout's state and tools", () => {
    const env = projectEnvironment({ PATH: "/usr/bin:/bin" });
    expect(env).toMatchObject({
      PULUMI_BACKEND_URL: `file://${paths.backend}`,
      PULUMI_CONFIG_PASSPHRASE_FILE: paths.passphrase,
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PATH: `${paths.tools}:${paths.nodeBinaries}:/usr/bin:/bin`,
    });
    expect(env).not.toHaveProperty("PULUMI_CONFIG_PASSPHRASE");
  });

  test("leaves alone what the operator has set", () => {
    const own = {
      PATH: "/usr/bin",
      HOME: "/home/a",
      PULUMI_BACKEND_URL: "s3://bucket",
      PULUMI_CONFIG_PASSPHRASE_FILE: "/home/a/passphrase",
      PULUMI_SKIP_UPDATE_CHECK: "false",
      NODE_COMPILE_CACHE: "/tmp/cache",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "false",
    };
    expect(projectEnvironment(own)).toMatchObject({ ...own, PATH: expect.stringMatching(/:\/usr\/bin$/) });
  });

  test("has this checkout's state where CI sets an empty variable", () => {
    const empty = { PULUMI_BACKEND_URL: "", PULUMI_CONFIG_PASSPHRASE_FILE: "", DOCKER_HOST: "" };
    expect(projectEnvironment(empty)).toEqual(projectEnvironment({}));
  });

  test("names a user for Pulumi, which else crashes where the system has no name for the id", () => {
    expect(projectEnvironment({}).USER).toBe(String(process.getuid?.()));
    expect(projectEnvironment({ USER: "reader" }).USER).toBe("reader");
  });

  test("keeps Pulumi's programs, which talk on loopback, off a proxy", () => {
    expect(projectEnvironment({ https_proxy: "http://p", no_proxy: "a, b" }).no_proxy).toBe(
      "a,b,localhost,127.0.0.1,::1",
    );
    expect(projectEnvironment({})).not.toHaveProperty("no_proxy");
  });

  test.each(["a passphrase", ""])("names no passphrase file if the operator set a passphrase: %j", (passphrase) => {
    const env = projectEnvironment({ PULUMI_CONFIG_PASSPHRASE: passphrase });
    expect(env.PULUMI_CONFIG_PASSPHRASE).toBe(passphrase);
    expect(env).not.toHaveProperty("PULUMI_CONFIG_PASSPHRASE_FILE");
  });
});
