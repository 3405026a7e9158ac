import { hkdfSync } from "node:crypto";

/** Which of the credentials of one owner, a project or Letta itself, count. */
export interface CredentialState {
  /** Counted from 1; another generation has other credentials. */
  readonly generation: number;
  /** The generation before still works beside this one. */
  readonly overlap: boolean;
}

/** What an owner of credentials logs in with. */
export interface Credentials {
  /** The Postgres role that logs in; the first one also owns the database. */
  readonly role: string;
  readonly databasePassword: string;
  /** Bearer token of the gateway; of `letta` the server's own password. */
  readonly token: string;
  /** Of Redis; only Letta itself has one. */
  readonly redisPassword: string;
  /** Of Postgres' role for provisioning; only Letta itself has one. */
  readonly adminPassword: string;
}

export const firstGeneration: CredentialState = { generation: 1, overlap: false };

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/**
 * A secret of letters and digits that follows from the stack's seed and from what it is for.
 *
 * Derived and not generated one by one: 200 further resources, two for each of a hundred projects, made an update that
 * has nothing to do 1.8 times as long, and a rotation needs a new secret beside the old one, not in its place.
 */
export function deriveSecret(seed: string, purpose: string, length = 40): string {
  // Two bytes a letter: what is left of 65536 after whole rounds of 62 is too little to tell (2 in 65536).
  const bytes = new Uint16Array(hkdfSync("sha256", seed, "", `thoth-letta/${purpose}`, length * 2));
  return Array.from(bytes, (number) => alphabet[number % alphabet.length]).join("");
}

/** The Postgres role of a generation. They alternate, so that old and new can both log in; `-b` is in no project's name. */
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

/** The credentials of an owner that work. */
export interface WorkingCredentials {
  readonly current: Credentials;
  /** Those before them, during an overlap. */
  readonly previous?: Credentials;
}

export function workingCredentials(seed: string, owner: string, state: CredentialState): WorkingCredentials {
  const { generation, overlap } = state;
  const current = deriveCredentials(seed, owner, generation);
  return overlap && generation > 1
    ? { current, previous: deriveCredentials(seed, owner, generation - 1) }
    : { current };
}
