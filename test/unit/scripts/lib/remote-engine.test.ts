import { describe, expect, test } from "vitest";
import type { Deps } from "../../../../scripts/lib/deps.ts";
import { reachRemoteEngine } from "../../../../scripts/lib/remote-engine.ts";
import { fakePrograms } from "../../../support/fake-programs.ts";
import { temporaryFiles, withEnvironment } from "../../../support/temporary.ts";

/** Opens the way to an engine. @returns the arguments of each call of ssh */
async function calls(DOCKER_HOST: string, stacks: object, files: Record<string, string> = {}): Promise<string[]> {
  const projectDirectory = temporaryFiles({ runtime: "", ...files });
  withEnvironment({ DOCKER_HOST, XDG_RUNTIME_DIR: projectDirectory, THOTH_LETTA_REMOTE_ENGINE: undefined });
  const ssh = fakePrograms({ ssh: { "": { stdout: "ready\n" } } });
  await reachRemoteEngine(stacks, { projectDirectory } as Deps);
  return ssh.calls();
}

const both = { lettaStack: "letta", thothStack: "thoth" };
const portsIn = (line = "") => [...line.matchAll(/-L 127\.0\.0\.1:(\d+):127/g)].map(([, port]) => port);

describe("an engine on another host", () => {
  test("is reached with the ports of the command's stacks", async () => {
    const config = "config:\n  thoth-letta:ports: { gateway: 9284 }\n";
    const [line] = await calls("ssh://server", both, { "Pulumi.letta.yaml": config });
    expect(portsIn(line)).toEqual(["5432", "8283", "9284", "8080", "8081"]);
  });

  test("publishes other addresses without a tunnel", async () => {
    const config = "config:\n  thoth-letta:bindAddress: 192.168.1.10\n";
    const [line] = await calls("ssh://server", { thothStack: "thoth" }, { "Pulumi.thoth.yaml": config });
    expect(portsIn(line)).toEqual([]);
  });

  test("is not needed by a command that takes no stack", async () => {
    expect(await calls("ssh://server", {})).toEqual([]);
  });
});

test("an engine on this host needs no tunnel", async () => {
  expect(await calls("unix:///var/run/docker.sock", both)).toEqual([]);
});
