import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** How long a login lasts, in seconds. */
export const sessionSeconds = 12 * 3600;
/** Wrong tokens that one address may send in a minute. */
const mostFailures = 5;
const failureSeconds = 60;
const mostEntries = 1000;

const sha256 = (text: string) => createHash("sha256").update(text).digest();

/** Who has logged in, in this process alone: a restart or new credentials end all sessions. */
export class Sessions {
  /** Hash of the session's id -> the tokens that were valid, and when it ends. */
  readonly #sessions = new Map<string, { readonly hashes: string; readonly end: number }>();
  readonly #failures = new Map<string, { count: number; readonly end: number }>();

  /** @returns the id of a new session, "wrong", or "later" for an address that was wrong too often */
  login(
    token: string,
    hashes: readonly string[],
    address: string,
    now = Date.now(),
  ): { id: string } | "wrong" | "later" {
    forget(this.#failures, now);
    forget(this.#sessions, now);
    const failures = this.#failures.get(address);
    if (failures !== undefined && failures.count >= mostFailures) return "later";
    const given = sha256(token);
    // All of them, so that the time tells nothing.
    const fits = hashes.map((hash) => timingSafeEqual(given, Buffer.from(hash, "hex")));
    if (!fits.includes(true)) {
      if (failures === undefined) this.#failures.set(address, { count: 1, end: now + failureSeconds * 1000 });
      else failures.count += 1;
      return "wrong";
    }
    const id = randomBytes(32).toString("base64url");
    this.#sessions.set(sha256(id).toString("hex"), { hashes: hashes.join(), end: now + sessionSeconds * 1000 });
    return { id };
  }

  /** True for the id of a session whose token still opens the page. */
  has(id: string, hashes: readonly string[], now = Date.now()): boolean {
    const session = this.#sessions.get(sha256(id).toString("hex"));
    return session !== undefined && session.end > now && session.hashes === hashes.join();
  }

  logout(id: string): void {
    this.#sessions.delete(sha256(id).toString("hex"));
  }
}

/** Drops what has ended, and the oldest beyond a limit. */
function forget(entries: Map<string, { readonly end: number }>, now: number): void {
  for (const [key, { end }] of entries) if (end <= now || entries.size > mostEntries) entries.delete(key);
}
