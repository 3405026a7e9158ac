import * as pulumi from "@pulumi/pulumi";
import { describe, expect, test } from "vitest";
import { UserError } from "../../../infra/lib/errors.ts";
import { engineDown } from "../../support/container-state.ts";
import { fakeDocker } from "../../support/fake-docker.ts";

/** Runs the program of a stack of this name and config, in which nothing may be made. */
async function run(stack: string, config: Record<string, string>): Promise<unknown> {
  const refuse = (): never => {
    throw new Error("nothing may be made");
  };
  await pulumi.runtime.setMocks({ newResource: refuse, call: refuse }, "thoth-letta", stack, false, "organization");
  pulumi.runtime.setAllConfig(config);
  return (await import("../../../infra/index.ts")).default();
}

describe("the kind of a stack", () => {
  // `projects` is a key of letta's schema and `vault` of thoth's: the other refuses it.
  const both = { "thoth-letta:projects": "[]", "thoth-letta:vault": "x" };
  test.each([
    ["letta", {}, "thoth-letta:vault: no such key"],
    ["production", { "thoth-letta:kind": "letta" }, "thoth-letta:vault: no such key"],
    ["letta", { "thoth-letta:kind": "thoth" }, "thoth-letta:projects: no such key"],
  ])("of %s with %j", async (stack, config, expected) => {
    fakeDocker({});
    await expect(run(stack, { ...both, ...config })).rejects.toThrow(
      `1 mistake in Pulumi.${stack}.yaml:\n  - ${expected}`,
    );
  });

  test.each([{}, { "thoth-letta:kind": "lettuce" }])("of another name must be given: not %j", async (config) => {
    const message = 'stack "production" does not say which kind it is: thoth-letta:kind must be letta or thoth';
    const fix = "pulumi config set kind letta -s production";
    await expect(run("production", config as Record<string, string>)).rejects.toThrow(new UserError(message, fix));
  });
});

describe("before anything is made", () => {
  test("the engine must answer", async () => {
    fakeDocker({ GET: engineDown });
    await expect(run("letta", {})).rejects.toThrow("the Docker engine does not answer");
  });

  test.each([
    ["letta", ["try-postgres", "try-redis", "try-server", "try-nginx", "try-backup", "try-drill"]],
    ["thoth", ["try-letta-proxy", "try-all-in-one"]],
  ])("%s claims the names of all its containers", async (kind, names) => {
    // All of them and one more are there, and belong to somebody else.
    const listed = [...names, "another"].map((name) => ({ Names: [`/${name}`], Labels: {}, Ports: [] }));
    fakeDocker({
      "GET /containers/json": { stdout: JSON.stringify(listed) },
      "GET /networks": { stdout: '[{"Name": "old", "IPAM": {"Config": [{"Subnet": "172.16.0.0/12"}]}}]' },
    });
    // The address is one that no port of this host conflicts with.
    const subnet = { "thoth-letta:subnet": "172.22.0.0/16" };
    const config = { "thoth-letta:kind": kind, "thoth-letta:bindAddress": "127.0.0.77", ...subnet };
    const { message } = (await run("try", config).catch((error: unknown) => error)) as Error;
    expect(message).toContain("overlaps with Docker network old");
    const refused = [...message.matchAll(/^container (\S+) exists/gm)].map(([, name]) => name);
    expect(refused.sort()).toEqual(names.sort());
  });
});

test("Pulumi prints a user's error without a stack trace", () => {
  expect(pulumi.RunError.isInstance(new UserError("a problem"))).toBe(true);
});
