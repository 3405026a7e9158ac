import { probeOwner } from "../names.ts";

/**
 * Files in the proxy's container that keep requests out while they are there; nginx looks at each request, so there is no
 * reload. `runs` refuses what would begin a run, `all` refuses everything.
 */
export const drainFlags = { runs: "/tmp/letta-drain", all: "/tmp/letta-closed" } as const;

/** What the refused are told to wait before they ask again, in seconds. */
export const retryAfterSeconds = 15;

/** Paths below /v1 whose POST begins a run, or a call of a model that is as long: Letta 0.16.5 to 0.16.8. */
const workPaths = [
  "agents/[^/]+/(messages(/stream|/async)?|generate|summarize|tools/[^/]+/run)",
  "conversations/[^/]+/(messages|compact)",
  "groups/[^/]+/messages(/stream|/async)?",
  "messages/batches",
  "runs",
  "tools/run",
  "chat/completions",
  "(anthropic|zai|voice-beta)/.+",
];

/** For nginx' http block: which requests begin work. By the decoded path, so that no spelling of it slips through. */
export const drainMap = `  map "$request_method $uri" $begins_work {
    default "";
    "~^POST /v1/(${workPaths.join("|")})/?$" "yes";
  }`;

/** For nginx' server block: whether this request is refused; the probe of a server that is to be let in again is not. */
export const drainRules = `    # Here and not in the location, where an "if" that only sets something answers the request by rules of its own.
    set $refused $begins_work;
    if (!-f ${drainFlags.runs}) {
      set $refused "";
    }
    if (-f ${drainFlags.all}) {
      set $refused "yes";
    }
    if ($project = "${probeOwner}") {
      set $refused "";
    }`;
