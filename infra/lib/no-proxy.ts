const loopback = ["localhost", "127.0.0.1", "::1"];
const lists = ["NO_PROXY", "no_proxy"] as const;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The variables that keep loopback and these hosts off a proxy; none where no proxy is set.
 *
 * Both spellings get what either has: gRPC reads one, Python the other. Blanks go, since gRPC takes them for a part of the name.
 */
export function noProxyFor(hosts: readonly string[], environment: Environment): Record<string, string> {
  const hasProxy = Object.entries(environment).some(([name, value]) => value && /^(?!no_).*_proxy$/i.test(name));
  if (!hasProxy) return {};
  const given = lists.flatMap((name) => (environment[name] ?? "").split(/[\s,]+/)).filter((host) => host !== "");
  const all = [...new Set([...given, ...loopback, ...hosts])].join(",");
  // gRPC's own list takes the place of the general one.
  const ofGrpc = environment.no_grpc_proxy
    ? { no_grpc_proxy: `${environment.no_grpc_proxy.replace(/\s/g, "")},${all}` }
    : {};
  return { ...Object.fromEntries(lists.map((name) => [name, all])), ...ofGrpc };
}
