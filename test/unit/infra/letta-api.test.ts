import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { lettaFetch } from "../../../infra/lib/letta/api.ts";

test("an answer that does not come is named by its request and by how long was waited", async () => {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void silent.close().closeAllConnections());
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const asked = lettaFetch({ url, password: "password" }, "GET", "/v1/agents/", { timeoutSeconds: 0.1 });
  await expect(asked).rejects.toThrow("GET /v1/agents/: no answer within 0.1 s");
});
