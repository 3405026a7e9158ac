import { expect, test } from "vitest";
import { parseRequest } from "../../../../scripts/projects/gateway-log.ts";

const rest = '"GET /v1/agents/" 200 34 0.006 upstream=200 0.005';

test("a request tells when, whose and from where", () => {
  expect(parseRequest(`10.213.96.133 [2026-11-26T06:58:35+00:00] project=notes ${rest}`)).toEqual([
    { at: "2026-11-26T06:58:35.000Z", project: "notes", address: "10.213.96.133" },
  ]);
});

test.each([
  `10.213.96.133 [2026-11-26T06:58:35+00:00] project=- ${rest}`,
  `10.213.96.133 [yesterday] project=notes ${rest}`,
  "2026/11/26 07:12:45 [notice] 1044#1044: signal process started",
  "",
])("a line of another kind is passed over: %s", (line) => {
  expect(parseRequest(line)).toEqual([]);
});
