import { expect, test } from "vitest";
import provider from "../../../../infra/providers/other-shape.ts";
import { inspected, notThere } from "../../../support/container-state.ts";
import { fakeDocker } from "../../../support/fake-docker.ts";

const inputs = { prefix: "thoth", containers: ["thoth-api", "thoth-mcp", "thoth-discovery", "thoth-monitor"] };
const own = { labels: { "thoth-letta.prefix": "thoth" } };

test("stops those that run and are this stack's, together, and then there is nothing to do", async () => {
  const docker = fakeDocker({
    "container inspect thoth-api": [inspected({}, own), inspected({}, own), inspected({ Status: "exited" }, own)],
    "container inspect thoth-mcp": [inspected({}, own), inspected({}, own), inspected({ Status: "exited" }, own)],
    "container inspect thoth-discovery": inspected(),
    "container inspect thoth-monitor": notThere,
    stop: {},
  });
  expect(await provider.diff?.("thoth", inputs, inputs)).toEqual({ changes: true });
  expect(await provider.create(inputs)).toEqual({ id: "thoth", outs: inputs });
  expect(docker.calls().filter((call) => call.startsWith("stop"))).toEqual(["stop thoth-api thoth-mcp"]);
  expect(await provider.diff?.("thoth", inputs, inputs)).toEqual({ changes: false });
});
