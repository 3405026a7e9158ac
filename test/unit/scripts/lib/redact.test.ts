import { expect, test } from "vitest";
import { redact } from "../../../../scripts/lib/format.ts";

test.each([
  ["postgresql://thoth:s3cret@db:5432/thoth", "postgresql://thoth:[redacted]@db:5432/thoth"],
  ["redis://:s3cret@db:6379", "redis://:[redacted]@db:6379"],
  ["from http://a:one@x to http://b:two@y", "from http://a:[redacted]@x to http://b:[redacted]@y"],
  ["authorization: Bearer abcdefgh12345678", "authorization: Bearer [redacted]"],
  ["Password: correct-horse-battery", "Password: [redacted]"],
])("%s becomes %s", (text, expected) => {
  expect(redact(text)).toBe(expected);
});

test.each([
  "http://127.0.0.1:8283/v1/health/",
  "postgresql://thoth@db:5432/thoth",
  "mail to someone@example.org: at 10:30",
  "2026-01-01T00:00:00Z GET http://letta-server:8283/v1/agents 200",
  "Bearer short",
  "the bearer of this letter",
])("%s stays as it is", (text) => {
  expect(redact(text)).toBe(text);
});
