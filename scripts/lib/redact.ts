/** Hides passwords in URLs and bearer tokens, whatever a tool printed. */
export function redact(text: string): string {
  return text
    .replace(/(:\/\/[^\s:/@]*:)[^\s/@]+@/g, "$1[redacted]@")
    .replace(/\b(Bearer|password:)\s+[A-Za-z0-9._~+/=-]{8,}/gi, "$1 [redacted]");
}
