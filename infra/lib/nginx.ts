import { drainAnswer, drainMap, drainRules } from "./drain.ts";

/** What the SSE proxy's config depends on. */
export interface NginxSettings {
  /** Address and port of the Letta server, e.g. `172.22.0.10:8283`. */
  readonly upstream: string;
  readonly listenPort: number;
  /** Browser origins that get CORS headers. An origin without a port matches every port. */
  readonly allowedOrigins: readonly string[];
  readonly maxRequestMiB: number;
}

/** How many runs of slashes in one path are cleaned up; Letta answers 404 to what is left. */
const cleanedSlashRuns = 4;

/** The whole nginx.conf of the proxy in front of Letta; understood by nginx 1.26 and later. */
export function renderNginxConfig(settings: NginxSettings): string {
  return `worker_processes auto;
pid /tmp/nginx.pid;
error_log /dev/stderr warn;

events {
  worker_connections 4096;
}

http {
  access_log /dev/stdout;
  server_tokens off;
  client_body_temp_path /tmp/client_body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;

  # A fixed address: nginx looks a name up once, at its start, and would then talk to the address of a container that
  # has been replaced. keepalive needs the upstream block.
  upstream letta {
    server ${settings.upstream} max_fails=0;
    keepalive 32;
    # Shorter than Letta's own 5 s: a POST that meets a connection Letta is just closing is not sent again, but answered 502.
    keepalive_timeout 4s;
  }

  map $http_origin $cors_origin {
    default "";
${settings.allowedOrigins.map((origin) => `    ${originPattern(origin)} $http_origin;`).join("\n")}
  }

  map $cors_origin $cors_credentials {
    default "true";
    "" "";
  }

  map $cors_origin $cors_expose {
    default "Content-Type, X-Request-Id";
    "" "";
  }

${cleanPathMaps()}

${drainMap}

  server {
    listen ${settings.listenPort};
    client_max_body_size ${settings.maxRequestMiB}m;

${drainRules}

    # Path and query as the client sent them, but for runs of slashes: Obsidian's plugin asks for //v1/agents.
    merge_slashes on;

    location = /nginx-health {
      access_log off;
      proxy_pass http://letta/v1/health/;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_connect_timeout 2s;
      proxy_read_timeout 4s;
      proxy_intercept_errors on;
      error_page 500 502 503 504 = @letta_down;
    }

    location @letta_down {
      default_type application/json;
      return 503 '{"status":"unavailable","detail":"the Letta server does not answer"}\\n';
    }

    location / {
      # Letta sends CORS headers of its own; two of a kind make a browser refuse the answer.
      proxy_hide_header Access-Control-Allow-Origin;
      proxy_hide_header Access-Control-Allow-Credentials;
      proxy_hide_header Access-Control-Allow-Methods;
      proxy_hide_header Access-Control-Allow-Headers;
      proxy_hide_header Access-Control-Expose-Headers;
      proxy_hide_header Access-Control-Max-Age;
      add_header Access-Control-Allow-Origin $cors_origin always;
      add_header Access-Control-Allow-Credentials $cors_credentials always;
      add_header Access-Control-Expose-Headers $cors_expose always;
      add_header Vary Origin always;

      if ($request_method = OPTIONS) {
        add_header Access-Control-Allow-Origin $cors_origin always;
        add_header Access-Control-Allow-Credentials $cors_credentials always;
        add_header Access-Control-Allow-Methods "GET, POST, PUT, PATCH, DELETE, OPTIONS" always;
        add_header Access-Control-Allow-Headers "Authorization, Content-Type, Accept, Cache-Control, Last-Event-ID, X-Requested-With, user_id" always;
        add_header Access-Control-Max-Age 86400 always;
        add_header Vary Origin always;
        return 204;
      }

${drainAnswer}

      proxy_pass http://letta$clean_path;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      # Letta builds the Location of its slash redirects from Host.
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;

      # Tokens reach the client as they come; Letta itself sends no X-Accel-Buffering.
      proxy_buffering off;
      proxy_cache off;
      proxy_request_buffering off;
      gzip off;
      # Answers that do not stream can take many minutes, and streams without pings are silent as long.
      proxy_connect_timeout 5s;
      proxy_send_timeout 3600s;
      proxy_read_timeout 3600s;
    }
  }
}
`;
}

/** Matches an origin exactly; one without a port also matches itself with any port. */
function originPattern(origin: string): string {
  const escaped = origin.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const hasPort = /:\d+$/.test(origin);
  return `"~^${escaped}${hasPort ? "" : "(:[0-9]+)?"}$"`;
}

/** One map a run of slashes: nginx has no replace-all, and its own merge_slashes only serves the choice of a location. */
function cleanPathMaps(): string {
  const variable = (step: number) =>
    step === 0 ? "$request_uri" : step === cleanedSlashRuns ? "$clean_path" : `$clean_path_${step}`;
  const maps = Array.from({ length: cleanedSlashRuns }, (_, step) =>
    [
      `  map ${variable(step)} ${variable(step + 1)} {`,
      `    default ${variable(step)};`,
      `    "~^(?<clean_head_${step}>[^?]*?)//+(?<clean_tail_${step}>.*)$" "$clean_head_${step}/$clean_tail_${step}";`,
      `  }`,
    ].join("\n"),
  );
  return maps.join("\n\n");
}
