import { expect, test } from "vitest";
import { noProxyFor } from "../../../infra/lib/no-proxy.ts";

test.each([[{}], [{ no_proxy: "a" }], [{ https_proxy: "" }], [{ https_proxy: undefined }]])(
  "without a proxy nothing is set: %j",
  (env) => {
    expect(noProxyFor(["a"], env)).toEqual({});
  },
);

test.each(["http_proxy", "HTTPS_PROXY", "ALL_PROXY", "grpc_proxy"])(
  "with %s, loopback and the hosts are in both lists",
  (name) => {
    const all = "localhost,127.0.0.1,::1,letta-nginx";
    expect(noProxyFor(["letta-nginx"], { [name]: "http://p:3128" })).toEqual({ NO_PROXY: all, no_proxy: all });
  },
);

test("what the operator has in either list stays, without the blanks that gRPC takes for a part of a name", () => {
  const env = { https_proxy: "http://p", NO_PROXY: ".corp, 10.0.0.0/8", no_proxy: " localhost ,host" };
  const all = ".corp,10.0.0.0/8,localhost,host,127.0.0.1,::1";
  expect(noProxyFor([], env)).toEqual({ NO_PROXY: all, no_proxy: all });
  expect(noProxyFor([], { ...env, no_grpc_proxy: "x, y" }).no_grpc_proxy).toBe(`x,y,${all}`);
});
