import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { engineEnvironment, engineHost, remoteEngine } from "../../../infra/lib/docker/host.ts";
import { temporaryFiles } from "../../support/temporary.ts";

const id = createHash("sha256").update("rootless").digest("hex");
const rootless = "unix:///run/user/1000/docker.sock";
const contexts = (current: object, more: Record<string, string> = {}) =>
  temporaryFiles({
    "config.json": JSON.stringify(current),
    [`contexts/meta/${id}/meta.json`]: JSON.stringify({ Endpoints: { docker: { Host: rootless } } }),
    ...more,
  });

describe("the engine", () => {
  test("is that of DOCKER_HOST, whatever the context", () => {
    const env = { DOCKER_HOST: "tcp://a:2375", DOCKER_CONFIG: contexts({ currentContext: "rootless" }) };
    expect(engineHost(env)).toBe("tcp://a:2375");
    expect(engineEnvironment(env)).toEqual({});
  });

  test.each([
    ["in use", { currentContext: "rootless" }, {}],
    ["that DOCKER_CONTEXT names", {}, { DOCKER_CONTEXT: "rootless" }],
  ])("is that of the context %s, for the provider too", (_, current, env) => {
    const all = { DOCKER_CONFIG: contexts(current), ...env };
    expect(engineHost(all)).toBe(rootless);
    expect(engineEnvironment(all)).toEqual({ DOCKER_HOST: rootless });
  });

  test("is the usual one where CI sets an empty variable", () => {
    expect(engineHost({ DOCKER_HOST: "", DOCKER_CONFIG: contexts({}) })).toBe("unix:///var/run/docker.sock");
  });

  test.each([
    ["ssh://server", "ssh://server"],
    ["unix:///run/user/1000/docker.sock", undefined],
    ["tcp://127.0.0.1:2375", undefined],
  ])("%s is on another host: %s", (DOCKER_HOST, remote) => {
    expect(remoteEngine({ DOCKER_HOST })).toBe(remote);
  });

  test("on another host is named by its address, not by this end of the tunnel", () => {
    const env = { DOCKER_HOST: "unix:///run/user/1000/tunnel", THOTH_LETTA_REMOTE_ENGINE: "ssh://server" };
    expect(remoteEngine(env)).toBe("ssh://server");
  });

  test("that asks for a certificate gets the context's", () => {
    const folder = contexts({ currentContext: "rootless" }, { [`contexts/tls/${id}/docker/cert.pem`]: "x" });
    const certificates = { DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: `${folder}/contexts/tls/${id}/docker` };
    expect(engineEnvironment({ DOCKER_CONFIG: folder })).toMatchObject(certificates);
  });

  test.each([{}, { currentContext: "default" }])("is the usual one without either: %j", (current) => {
    const env = { DOCKER_CONFIG: contexts(current) };
    expect(engineHost(env)).toBe("unix:///var/run/docker.sock");
    expect(engineEnvironment(env)).toEqual({});
  });
});
