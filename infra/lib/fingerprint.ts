import { createHash } from "node:crypto";

/** Sixteen hexadecimal digits that change when the value does, as far as JSON tells of it. */
export function fingerprint(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 16);
}
