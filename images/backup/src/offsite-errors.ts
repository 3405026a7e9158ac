import { BackupError } from "./errors.ts";

interface Known {
  readonly pattern: RegExp;
  /** What is wrong with the other host, after its name. */
  readonly problem: string;
  readonly fix: string;
}

/** What rclone says, and what that means. */
const known: readonly Known[] = [
  {
    pattern: /knownhosts: key (mismatch|is unknown)/,
    problem: "shows a host key that knownHosts does not have",
    fix: "compare `ssh-keyscan -p PORT HOST` with the host's own keys, and put all of its lines into offsite.knownHosts",
  },
  {
    pattern: /known_hosts_file/,
    problem: "cannot be told from others: knownHosts is no known_hosts file",
    fix: "put the lines of `ssh-keyscan -p PORT HOST` into offsite.knownHosts",
  },
  {
    pattern: /failed to parse private key|key_pem/i,
    problem: "was not asked: privateKey cannot be read",
    fix: "put the whole file of a key without a passphrase into offsite.privateKey",
  },
  {
    pattern: /unable to authenticate|handshake failed: EOF/,
    problem: "refuses user or privateKey",
    fix: "put the public key into the authorized_keys of offsite.user",
  },
  {
    pattern: /certificate signed by unknown authority|x509:/,
    problem: "has a certificate that is not trusted here",
    fix: "put its authority's certificate into offsite.caCertificate",
  },
  {
    pattern: /NoSuchBucket/,
    problem: "has no such bucket",
    fix: "make the bucket; the agent makes none",
  },
  {
    pattern: /AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|Forbidden|permission denied/i,
    problem: "refuses access",
    fix: "check what offsite's user or keys may do there: list, read, write, delete",
  },
  {
    pattern: /no such host|connection refused|i\/o timeout|no route to host|network is unreachable|timed out|deadline/i,
    problem: "does not answer",
    fix: "nothing is lost and it goes on by itself when the host is back; is offsite's address the right one?",
  },
  { pattern: /no space left|QuotaExceeded|disk quota/i, problem: "is full", fix: "make room there" },
];

/** The error for what rclone printed before it failed with the folder of this name. */
export function offsiteError(name: string, lines: readonly string[]): BackupError {
  const reasons = messages(lines).flatMap(reasonOf);
  const text = reasons.at(-1) ?? "rclone failed and did not say why";
  const found = known.find(({ pattern }) => reasons.some((reason) => pattern.test(reason)));
  if (found === undefined) return new BackupError(`${name}: ${text}`);
  return new BackupError(`${name} ${found.problem} (${text})`, found.fix);
}

/** Puts together the lines of each message: its log is JSON, but what ends it is text of several lines with a date. */
function messages(lines: readonly string[]): string[] {
  const found: string[] = [];
  for (const line of lines) {
    const isNew = line.startsWith("{") || /^\d{4}\/\d\d\/\d\d /.test(line) || found.length === 0;
    if (isNew) found.push(line);
    else found.push(`${found.pop()} ${line.trim()}`);
  }
  return found;
}

function reasonOf(message: string): string[] {
  if (!message.startsWith("{")) return [shortened(message.replace(/^[\d/]+ [\d:]+ /, ""))];
  try {
    const { level, msg } = JSON.parse(message) as { level?: string; msg?: string };
    return level === "error" && msg !== undefined ? [shortened(msg)] : [];
  } catch {
    return [];
  }
}

/** Without rclone's own words around what the system or the server said. */
function shortened(message: string): string {
  return message
    .replaceAll(/\s+/g, " ")
    .replace(/^Failed to create file system for "[^"]*": /, "")
    .replace(/^Failed to .*?: (last error was: )?/, "")
    .replace(/^Attempt \d+\/\d+ failed with \d+ errors? and: /, "")
    .replace(/^(NewFs: )?(couldn't connect SSH: )?/, "")
    .replace(/ ?status code: (\d+), request id: .*$/, " ($1)")
    .trim();
}
