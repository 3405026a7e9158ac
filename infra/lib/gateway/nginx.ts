import { serverPorts } from "../names.ts";
import { drainMap, drainRules } from "./drain.ts";
import { limitRules, limitZones, type ProjectLimits } from "./limits.ts";
import { projectMap } from "./projects.ts";
import { refusalAnswers, refusalRules } from "./refusals.ts";
import { routeMaps } from "./routes.ts";

/** What the gateway's config depends on. */
export interface NginxSettings {
  /** Address of the Letta server, e.g. `172.22.0.10`. */
  readonly serverAddress: string;
  readonly listenPort: number;
  /** Browser origins that get CORS headers. An origin without a port matches every port. */
  readonly allowedOrigins: readonly string[];
  readonly maxRequestMiB: number;
  readonly limits: ProjectLimits;
  /** A further port, with TLS; the file has certificate and key. Default: none. */
  readonly tls?: { readonly port: number; readonly certificatePath: string };
}

/** How many runs of slashes in one path are cleaned up; what is left of more is refused. */
const cleanedSlashRuns = 4;

/**
 * Headers of a client that Letta gets. Every other one stays here: Letta lets `user_id`, `X-BARE-PASSWORD` and more say
 * who is asking, and what it reads of them differs from release to release.
 */
const passedHeaders = [
  ...["Accept", "Content-Type", "User-Agent", "Last-Event-ID", "X-Override-Embedding-Model"],
  ...["X-Stainless-Package-Version", "X-Experimental-Message-Async", "X-Experimental-Letta-V1-Agent"],
];

/** The whole nginx.conf of the proxy in front of Letta; understood by nginx 1.26 and later. */
export function renderNginxConfig(settings: NginxSettings): string {
  return `worker_processes auto;
pid /tmp/nginx.pid;
error_log /dev/stderr warn;
# A reload lets streams go on in the processes that have them.
worker_shutdown_timeout 4h;

events {
  worker_connections 4096;
}

http {
  # Neither query nor headers, where secrets are; nginx' own messages of requests have the whole request in them.
  log_format gateway '$remote_addr [$time_iso8601] project=$log_project "$request_method $uri" $status $body_bytes_sent '
    '$request_time upstream=$upstream_status $upstream_response_time';
  access_log /dev/stdout gateway;
  error_log /dev/stderr crit;
  server_tokens off;
  # Before the first map; the longest text is that of a project and its token.
  map_hash_max_size 4096;
  map_hash_bucket_size 256;
  client_body_temp_path /tmp/client_body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;

  # A fixed address: nginx looks a name up once, at its start, and would then talk to the address of a container that
  # has been replaced. keepalive needs the upstream block.
${upstream("letta", `${settings.serverAddress}:${serverPorts.requests}`)}
${upstream("letta_runs", `${settings.serverAddress}:${serverPorts.runs}`)}

${corsMaps(settings.allowedOrigins)}

${cleanPathMaps()}

${projectMap}

  map $project $log_project {
    default $project;
    "" "-";
  }

${routeMaps}

${drainMap}

  map $begins_work $upstream {
    default letta_runs;
    "" letta;
  }

${limitZones(settings.limits)}

  server {
    listen ${settings.listenPort};${tlsListener(settings.tls)}
    client_max_body_size ${settings.maxRequestMiB}m;
    client_header_timeout 15s;

    # Dashes alone: "user_id" of a client is none of the headers that nginx knows of.
    underscores_in_headers off;

    set $retry_after "";
    add_header Access-Control-Allow-Origin $cors_origin always;
    add_header Access-Control-Allow-Credentials $cors_credentials always;
    add_header Access-Control-Expose-Headers $cors_expose always;
    add_header Access-Control-Allow-Methods $preflight_methods always;
    add_header Access-Control-Allow-Headers $preflight_headers always;
    add_header Access-Control-Max-Age $preflight_age always;
    add_header Vary Origin always;
    add_header Retry-After $retry_after always;
    add_header X-Content-Type-Options nosniff always;
    add_header X-Frame-Options DENY always;
    add_header Referrer-Policy no-referrer always;

${drainRules}

    # Path and query as the client sent them, but for runs of slashes: Obsidian's plugin asks for //v1/agents.
    merge_slashes on;

    location = /nginx-health {
      access_log off;
      proxy_pass_request_headers off;
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

    # Which projects this nginx knows of, for the step that has told it of others.
    location = /nginx-projects {
      access_log off;
      if ($remote_addr != 127.0.0.1) {
        return 403;
      }
      default_type text/plain;
      return 200 $projects_version;
    }

${refusalAnswers}

    location / {
      if ($request_method = OPTIONS) {
        return 204;
      }
${refusalRules}

${limitRules(settings.limits)}

      # Letta sends CORS headers of its own; two of a kind make a browser refuse the answer.
${corsHeaders.map((name) => `      proxy_hide_header ${name};`).join("\n")}

      proxy_pass http://$upstream$clean_path;
      proxy_http_version 1.1;
      # What Letta redirects to is http: it does not know of TLS here.
      proxy_redirect http://$http_host/ $scheme://$http_host/;
      proxy_pass_request_headers off;
${passedHeaders.map((name) => `      proxy_set_header ${name} $http_${variable(name)};`).join("\n")}
      proxy_set_header user_id $letta_user;
      proxy_set_header Authorization $letta_authorization;
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

function upstream(name: string, address: string): string {
  return `  upstream ${name} {
    server ${address} max_fails=0;
    keepalive 32;
    # Shorter than Letta's own 5 s: a POST that meets a connection Letta is just closing is not sent again, but answered 502.
    keepalive_timeout 4s;
  }`;
}

function tlsListener(tls: NginxSettings["tls"]): string {
  if (tls === undefined) return "";
  return `
    listen ${tls.port} ssl;
    http2 on;
    ssl_certificate ${tls.certificatePath};
    ssl_certificate_key ${tls.certificatePath};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:tls:2m;
    ssl_session_tickets off;`;
}

/** A header's name as it stands in nginx' variables. */
function variable(header: string): string {
  return header.toLowerCase().replaceAll("-", "_");
}

const corsHeaders = ["Origin", "Credentials", "Methods", "Headers"]
  .map((name) => `Access-Control-Allow-${name}`)
  .concat("Access-Control-Expose-Headers", "Access-Control-Max-Age");

const preflightHeaders = "Authorization, Content-Type, Accept, Cache-Control, Last-Event-ID, X-Requested-With, user_id";

/** What a browser's page may do; an empty header is not sent. */
function corsMaps(allowedOrigins: readonly string[]): string {
  const ofPreflight = (name: string, value: string) =>
    `  map $request_method $preflight_${name} {\n    default "";\n    OPTIONS "${value}";\n  }`;
  return [
    `  map $http_origin $cors_origin {
    default "";
${allowedOrigins.map((origin) => `    ${originPattern(origin)} $http_origin;`).join("\n")}
  }`,
    `  map $cors_origin $cors_credentials {\n    default "true";\n    "" "";\n  }`,
    `  map $cors_origin $cors_expose {\n    default "Content-Type, X-Request-Id, Retry-After";\n    "" "";\n  }`,
    ofPreflight("methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS"),
    ofPreflight("headers", preflightHeaders),
    ofPreflight("age", "86400"),
  ].join("\n\n");
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
