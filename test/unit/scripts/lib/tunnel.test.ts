import { expect, test } from "vitest";
import { openTunnel } from "../../../../scripts/lib/tunnel.ts";
import { type FakeAnswer, fakePrograms } from "../../../support/fake-programs.ts";
import { temporaryFolder, withEnvironment } from "../../../support/temporary.ts";

/** A fake ssh that answers each call with this. */
function fakeSsh(answer: FakeAnswer) {
  const folder = temporaryFolder();
  withEnvironment({ XDG_RUNTIME_DIR: folder });
  return { folder, ...fakePrograms({ ssh: { "": answer } }) };
}

const engine = "ssh://deploy@server.example.org:2222";
const forwards = [
  { port: 8283, stack: "letta" },
  { port: 8080, stack: "thoth" },
];

test("the engine's socket and each published port are reached on this host", async () => {
  const { folder, calls } = fakeSsh({ stdout: "ready\n" });
  const { DOCKER_HOST = "", THOTH_LETTA_REMOTE_ENGINE } = await openTunnel(engine, forwards);
  expect(THOTH_LETTA_REMOTE_ENGINE).toBe(engine);
  expect(DOCKER_HOST.startsWith(`unix://${folder}/`)).toBe(true);
  const [line = ""] = calls();
  expect(line).toContain(`-L ${DOCKER_HOST.slice("unix://".length)}:/var/run/docker.sock`);
  expect(line).toContain("-L 127.0.0.1:8283:127.0.0.1:8283 -L 127.0.0.1:8080:127.0.0.1:8080");
  expect(line).toContain("-l deploy -p 2222 -- server.example.org");
});

test("the address may name the socket there", async () => {
  const { calls } = fakeSsh({ stdout: "ready\n" });
  await openTunnel("ssh://server/run/user/1000/docker.sock", []);
  expect(calls()[0]).toContain(":/run/user/1000/docker.sock -- server");
});

test.each([
  ["a new connection", "bind [127.0.0.1]:8080: Address already in use\nCould not request local forwarding.\n"],
  ["a shared one", "mux_client_forward: forwarding request failed: Port forwarding failed: listen port 8080\n"],
])("a port that is taken here is named with its stack: %s", async (_, stderr) => {
  fakeSsh({ stderr, exitCode: 255 });
  await expect(openTunnel(engine, forwards)).rejects.toThrow(
    /port 8080 of this host is taken.* stack thoth on ssh:.*\n {2}fix: /,
  );
});

test("an account that has no access is named with what SSH says", async () => {
  fakeSsh({ stderr: "deploy@server: Permission denied (publickey).\n", exitCode: 255 });
  await expect(openTunnel(engine, forwards)).rejects.toThrow(
    `${engine}: deploy@server: Permission denied (publickey).\n  fix: ssh ${engine}`,
  );
});
