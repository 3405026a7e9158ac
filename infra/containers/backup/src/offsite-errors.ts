import { BackupError } from "./errors.ts";

interface Known {
  readonly pattern: RegExp;
  /** What is wrong with the other host, after its name. */
  readonly problem: string;
  readonly mend: string;
}

/** What rclone says, and what that means. */
const known: readonly Known[] = [
  {
    pattern: /knownhosts: key (mismatch|is unknown)/,
    problem: "shows a host key that knownHosts does not have",
    mend: "compare `ssh-keyscan -p PORT HOST` with the host's own keys, and put all of its lines into offsite.knownHosts",
  },
  {
    pattern: /known_hosts_file/,
    problem: "cannot be told from others: knownHosts is no known_hosts file",
    mend: "put the lines of `ssh-keyscan -p PORT HOST` into offsite.knownHosts",
  },
  {
    pattern: /failed to parse private key|key_pem/i,
    problem: "was not asked: privateKey cannot be read",
    mend: "put the whole file of a key without a passphrase into offsite.privateKey",
  },
  {
    pattern: /unable to authenticate|handshake failed: EOF/,
    problem: "refuses user or privateKey",
    mend: "put the public key into the authorized_keys of offsite.user",
  },
  {
    pattern: /certificate signed by unknown authority|x509:/,
    problem: "has a certificate that is not trusted here",
    mend: "put its authority's certificate into offsite.caCertificate",
  },
  {
    pattern: /NoSuchBucket/,
    problem: "has no such bucket",
    mend: "make the bucket; the agent makes none",
  },
  {
    pattern: /AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|Forbidden|permission denied/i,
    problem: "refuses access",
    mend: "check what offsite's user or keys may do there: list, read, write, delete",
  },
  {
    pattern: /no such host|connection refused|i\/o timeout|no route to host|network is unreachable|timed out|deadline/i,
    problem: "does not answer",
    mend: "nothing is lost and it goes on by itself when the host is back; is offsite's address the right one?",
  },
  { pattern: /no space left|QuotaExceeded|disk quota/i, problem: "is full", mend: "make room there" },
];

/** The error for what rclone printed before it failed with the folder of this name. */
export function offsiteError(name: string, lines: readonly string[]): BackupError {
  const reasons = lines.flatMap(reasonOf);
  const text = reasons.at(-1) ?? "rclone failed and did not say why";
  const found = known.find(({ pattern }) => reasons.some((reason) => pattern.test(reason)));
  if (found === undefined) return new BackupError(`${name}: ${text}`);
  return new BackupError(`${name} ${found.problem} (${text})`, found.mend);
}

/** The messages of rclone's log, as JSON or, for those that end it, as text. */
function reasonOf(line: string): string[] {
  if (!line.startsWith("{")) {
    const text = line.replace(/^\d{4}\/\d\d\/\d\d [\d:]+ /, "").trim();
    // The lines that follow are of the same message, and the first one of the last error.
    return /^(Failed|Fatal|NOTICE|ERROR)/.test(text) ? [shortened(text)] : [];
  }
  try {
    const { level, msg } = JSON.parse(line) as { level?: string; msg?: string };
    return level === "error" && msg !== undefined ? [shortened(msg)] : [];
  } catch {
    return [];
  }
}

/** Without rclone's own words around what the system or the server said. */
function shortened(message: string): string {
  return message
    .split("\n")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .slice(0, 2)
    .join(" ")
    .replace(/^Failed to .*?: (?=\S)/, "")
    .replace(/^(Attempt \d+\/\d+ failed with \d+ errors? and|NewFs|couldn't connect SSH): /, "")
    .replace(/^couldn't connect SSH: /, "")
    .replace(/\s*status code: (\d+), request id: .*$/, " ($1)");
}
