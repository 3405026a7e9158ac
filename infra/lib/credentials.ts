import { hkdfSync } from "node:crypto";

/** Which credentials of an owner, a project or Letta itself, are valid. */
export interface CredentialState {
  /** Counted from 1; each generation has different credentials. */
  readonly generation: number;
  /** The previous generation is still valid. */
  readonly overlap: boolean;
}

/** What an owner of credentials logs in with. */
export interface Credentials {
  /** The Postgres role that logs in. */
  readonly role: string;
  readonly databasePassword: string;
  /** Bearer token for the gateway; for `letta`, the server's own password. */
  readonly token: string;
  /** Used by Letta alone. */
  readonly redisPassword: string;
  /** Of Postgres' provisioning role; used for Letta alone. */
  readonly adminPassword: string;
}

export const firstGeneration: CredentialState = { generation: 1, overlap: false };

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** A secret of letters and digits, derived from a seed and from what it is for. */
export function deriveSecret(seed: string, purpose: string, length = 40): string {
  // Two bytes per character keep the bias of the remainder negligible.
  const bytes = new Uint16Array(hkdfSync("sha256", seed, "", `thoth-letta/${purpose}`, length * 2));
  return Array.from(bytes, (number) => alphabet[number % alphabet.length]).join("");
}

/** The Postgres role of a generation. Two alternate, so that old and new can both log in; no project's name contains `-b`. */
export function loginRole(owner: string, generation: number): string {
  return generation % 2 === 1 ? owner : `${owner}-b`;
}

/** The credentials of one generation. */
export function deriveCredentials(seed: string, owner: string, generation: number): Credentials {
  const secret = (kind: string) => deriveSecret(seed, `${owner}/${generation}/${kind}`);
  return {
    role: loginRole(owner, generation),
    databasePassword: secret("database"),
    token: secret("token"),
    redisPassword: secret("redis"),
    adminPassword: secret("database-admin"),
  };
}

/** The generations that are valid, newest first. */
export function validGenerations({ generation, overlap }: CredentialState): number[] {
  return overlap && generation > 1 ? [generation, generation - 1] : [generation];
}

/** The credentials of an owner that are valid. */
export interface WorkingCredentials {
  readonly current: Credentials;
  /** The previous ones, during an overlap. */
  readonly previous?: Credentials;
}

/** @param seedOf what the credentials of a generation derive from */
export function workingCredentials(
  owner: string,
  state: CredentialState,
  seedOf: (generation: number) => string,
): WorkingCredentials {
  const [current, previous] = validGenerations(state).map((one) => deriveCredentials(seedOf(one), owner, one));
  return { current: current as Credentials, ...(previous === undefined ? {} : { previous }) };
}
