import { retryAfterSeconds } from "./drain.ts";

/** An answer of the gateway itself, as JSON. */
interface Refusal {
  readonly status: number;
  readonly detail: string;
  readonly hint?: string;
  /** Value of Retry-After, in seconds. */
  readonly retryAfter?: number;
}

const refusals: readonly Refusal[] = [
  {
    status: 401,
    detail: "no project has this token",
    hint: "send a project token as Authorization: Bearer TOKEN",
  },
  {
    status: 403,
    detail: "this route is not open to projects",
    hint: "no encoded slashes, dots or percent signs in the path; the operator uses the port of the Letta server itself",
  },
  { status: 413, detail: "the request is larger than the gateway takes", hint: "thoth-letta:maxRequestMiB" },
  {
    status: 429,
    detail: "this project asks for more than its share",
    hint: "ask again after Retry-After seconds; thoth-letta:projectLimits",
    retryAfter: 1,
  },
  {
    status: 503,
    detail: "Letta is being upgraded: ask again after Retry-After seconds",
    retryAfter: retryAfterSeconds,
  },
];

/** For nginx' server block: what the gateway says when it lets a request not through; what Letta answers stays as it is. */
export const refusalAnswers = refusals.map(renderRefusal).join("\n\n");

function renderRefusal({ status, retryAfter, ...said }: Refusal): string {
  return `    error_page ${status} @refused_${status};
    location @refused_${status} {
      internal;
      default_type application/json;${retryAfter === undefined ? "" : `\n      set $retry_after ${retryAfter};`}
      return ${status} '${JSON.stringify(said)}\\n';
    }`;
}

/** For nginx' location: who is refused; the first that fits counts. */
export const refusalRules = `      if ($project = "") {
        return 401;
      }
      if ($route = "") {
        return 403;
      }
      if ($ambiguous_path) {
        return 403;
      }
      if ($refused) {
        return 503;
      }`;
