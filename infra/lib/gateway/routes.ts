/** What of Letta's API is open to projects; every other path is the operator's, on the server's own port. */

/** First parts of paths below /v1 whose objects Letta keeps apart by organization. */
const families = [
  ...["agents", "archives", "blocks", "chat", "conversations", "embeddings", "folders", "groups", "health"],
  ...["identities", "jobs", "mcp-servers", "messages", "models", "passages", "providers", "ready", "runs"],
  ...["sandbox-config", "sources", "steps", "tags", "tools"],
];

/** Methods and paths of those families that are closed all the same; first the method, as nginx' map sees them. */
const closed = [
  // What Letta gives to every organization alike: the operator's own model providers, with what their keys are kept as.
  "GET /v1/providers/.+",
  "[A-Z]+ /v1/providers/([^/]+/)?(check|refresh)/?",
  // Python environments and folders of the container that everybody's tools run in.
  "(POST|PUT|PATCH|DELETE) /v1/sandbox-config(/.*)?",
  // For a browser that comes back from an authorization server, without a token: Letta looks the session up for anyone.
  "[A-Z]+ /v1/tools/mcp/oauth/.*",
];

/**
 * Paths that nginx and Letta could read differently: what is decided here by nginx' decoded path must be what Letta sees.
 *
 * Letta decodes once, and resolves no dots; nginx does both. So encoded slashes, dots, percents and control characters go,
 * and a part that begins with a dot, a backslash, a semicolon, a fragment, and more doubled slashes than are cleaned up.
 */
const ambiguous = String.raw`^[^/]|^[^?]*(//|/\.|%2e|%2f|%5c|%25|%3b|%23|%[01]|%7f|[;\\#])`;

/** For nginx' http block: `$route` is empty for what is not open, `$ambiguous_path` is not for what cannot be judged. */
export const routeMaps = `  map "$request_method $uri" $route {
    default "";
${closed.map((pattern) => `    "~^${pattern}$" "";`).join("\n")}
    "~^(GET|POST|PUT|PATCH|DELETE) /v1/(${families.join("|")})(/|$)" "open";
  }

  map $clean_path $ambiguous_path {
    default "";
    "~*${ambiguous.replaceAll("\\", "\\\\")}" "yes";
  }`;
