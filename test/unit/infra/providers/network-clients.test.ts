import { describe, expect, test } from "vitest";
import { UserError } from "../../../../infra/lib/errors.ts";
import provider from "../../../../infra/providers/network-clients.ts";
import { engineDown } from "../../../support/container-state.ts";
import { fakeDocker } from "../../../support/fake-docker.ts";

const inputs = { network: "letta-network", ownContainers: ["letta-postgres", "letta-server"] };

/** What `docker network inspect` says of a network with these containers on it. */
const network = (...names: string[]) => ({
  stdout: JSON.stringify([{ Containers: Object.fromEntries(names.map((Name, index) => [`id-${index}`, { Name }])) }]),
});
const remove = () => provider.delete?.("letta-network", inputs);

describe("delete", () => {
  test("proceeds while there are only the stack's own containers", async () => {
    const docker = fakeDocker({ "network inspect letta-network": network("letta-postgres", "letta-server") });
    await expect(remove()).resolves.toBeUndefined();
    expect(docker.calls()).toEqual(["network inspect letta-network"]);
  });

  test("is refused while there are others, and names them", async () => {
    fakeDocker({ "network inspect": network("thoth-mcp", "letta-server", "a-script") });
    await expect(remove()).rejects.toThrow(
      new UserError(
        "letta-network is in use by a-script, thoth-mcp: nothing was stopped",
        "destroy or stop those first, e.g. pulumi destroy -s thoth",
      ),
    );
  });

  test.each([
    { exitCode: 1, stdout: "[]\n", stderr: "Error response from daemon: network letta-network not found\n" },
    { stdout: '[{"Containers": {}}]' },
    { stdout: "[{}]" },
  ])("proceeds when the network is gone or empty: %j", async (answer) => {
    fakeDocker({ "network inspect": answer });
    await expect(remove()).resolves.toBeUndefined();
  });

  test("is refused when the engine cannot be asked", async () => {
    fakeDocker({ "network inspect": engineDown });
    await expect(remove()).rejects.toThrow("the Docker engine does not answer");
  });
});

test("diff compares the inputs, without asking the engine", async () => {
  fakeDocker({});
  const diff = (news: typeof inputs) => provider.diff?.("letta-network", inputs, news);
  expect(await diff({ ...inputs })).toEqual({ changes: false });
  expect(await diff({ ...inputs, network: "other" })).toEqual({ changes: true });
  expect(await diff({ ...inputs, ownContainers: ["letta-postgres"] })).toEqual({ changes: true });
});
