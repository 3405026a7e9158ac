// What the infrastructure and the commands import from here, and what the page in the browser is given.
import type { BackupNote } from "../../backup/src/contract.ts";

/** Paths in the page's container. */
export const paths = {
  /** {@link Settings}, secrets included; read again when it changes. */
  settings: "/run/credentials/page.json",
  /** Its own volume: the history, and what commands leave in `notes`. */
  data: "/data",
  notes: "/data/notes",
  /** What the backup's containers leave; read only. */
  status: "/status",
} as const;

/** Ports in the page's container: HTTP, and the gateway's access log over UDP; page.conf names both. */
export const ports = { http: 8290, log: 8291 } as const;

/** The user of the page in its image, `uid:gid`. */
export const user = "65534:65534";

/** How each kind of service is asked whether it works. */
export type ServiceKind = "postgres" | "backup" | "drill" | "redis" | "model" | "server" | "gateway" | "page";

/** What the page is given. */
export interface Settings {
  /** Name of the stack. */
  readonly stack: string;
  /** SHA-256 in hexadecimal of each token that opens the page. */
  readonly tokenHashes: readonly string[];
  /** The role that may count, and its password. */
  readonly database: { readonly user: string; readonly password: string };
  /** Project -> id of its Letta user. */
  readonly projects: Readonly<Record<string, string>>;
  /** Docker name -> kind, in start order. */
  readonly services: Readonly<Record<string, ServiceKind>>;
  /** The only address besides its own that the page answers. */
  readonly gatewayAddress: string;
}

/** What a person should do something about. */
export interface Problem {
  readonly severity: "error" | "warning";
  readonly problem: string;
  /** The command that fixes it. */
  readonly fix: string;
}

/** A command that is changing a stack, or was interrupted while it did. */
export interface OperationNote {
  /** E.g. `server-restore`. */
  readonly kind: string;
  readonly phase: string;
  /** The command that resumes it. */
  readonly resume: string;
}

/** What a command leaves for the page, by the name of its file; `at` is ISO 8601. */
export interface Notes {
  readonly doctor: { readonly at: string; readonly findings: readonly Problem[] };
  /** Null: it has ended. */
  readonly operation: { readonly at: string; readonly operation: OperationNote | null };
}

/** One project as the page shows it; null is unknown. */
interface ProjectReport {
  readonly name: string;
  readonly agents: number | null;
  readonly messages: number | null;
  /** Of the last day, ISO 8601. */
  readonly lastRequest: string | null;
}

/** Everything that the page shows, as `status/data` answers it. */
export interface Report {
  readonly stack: string;
  /** Milliseconds. */
  readonly now: number;
  readonly services: readonly { readonly name: string; readonly isHealthy: boolean; readonly problem?: string }[];
  readonly projects: readonly ProjectReport[];
  /** Requests that the gateway is answering now, streams included; null is unknown. */
  readonly openRequests: number | null;
  /** Database -> bytes. */
  readonly databaseBytes: Readonly<Record<string, number>> | null;
  /** Of the filesystem that the volumes are on. */
  readonly disk: { readonly freeBytes: number; readonly totalBytes: number };
  /** Null where no agent has left one. */
  readonly backup: BackupNote | null;
  readonly operation: OperationNote | null;
  /** What is wrong now. */
  readonly problems: readonly Problem[];
  /** What `make doctor` found when it last looked, which may be over; null if it never did. */
  readonly doctor: Notes["doctor"] | null;
  /** Series -> its minutes since the one asked for, as `[minute since 1970, value]`. */
  readonly history: History;
}

export type History = Readonly<Record<string, readonly (readonly [minute: number, value: number])[]>>;

/** Minutes of history that are kept. */
export const dayMinutes = 24 * 60;
