import { createHash, timingSafeEqual } from "node:crypto";

/** Whether an Authorization header carries the token, in constant time. */
export function carriesToken(header: string | undefined, token: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  const given = /^Bearer\s+(\S+)\s*$/i.exec(header ?? "")?.[1] ?? "";
  return timingSafeEqual(digest(given), digest(token));
}
