import * as pulumi from "@pulumi/pulumi";
import { expect, test } from "vitest";
import { readStackConfig } from "../../../infra/config/read.ts";

test("reads this project's keys alone, and what Pulumi gives as text as what it stands for", () => {
  pulumi.runtime.setAllConfig({
    "thoth-letta:projects": '["thoth","notes"]',
    "thoth-letta:ports": '{"gateway":9000}',
    "thoth-letta:maxRequestMiB": "20",
    "thoth-letta:subnet": "172.30.0.0/16",
    "thoth-letta:vault": "~/vault",
    "other:key": "1",
    "thoth-letta-more:key": "1",
  });
  expect(readStackConfig()).toEqual({
    projects: ["thoth", "notes"],
    ports: { gateway: 9000 },
    maxRequestMiB: 20,
    subnet: "172.30.0.0/16",
    vault: "~/vault",
  });
});
