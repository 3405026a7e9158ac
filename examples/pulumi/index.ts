import { resolve } from "node:path";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";

/** The application of examples/compose, with its addresses and secrets from the letta stack's outputs. */

const letta = new pulumi.StackReference(new pulumi.Config().require("letta"));
const project = letta.requireOutput("projects").apply<{ databaseUrl: string; token: string }>(({ notes }) => notes);
const network = letta.requireOutput("network");

const app = new docker.Container("notes", {
  name: pulumi.getStack(),
  image: process.env.NOTES_IMAGE ?? "letta/letta:0.16.8",
  entrypoints: ["python3", "/app.py"],
  init: true,
  restart: "unless-stopped",
  uploads: [{ file: "/app.py", source: resolve("../compose/app.py") }],
  envs: [
    pulumi.interpolate`DATABASE_URL=${project.databaseUrl}`,
    pulumi.interpolate`LETTA_BASE_URL=${letta.requireOutput("internalUrls").apply((urls) => urls.gateway)}`,
    pulumi.interpolate`LETTA_API_KEY=${project.token}`,
  ],
  networksAdvanced: [{ name: network.apply(({ name }) => name) }],
  ports: [{ internal: 8090, ip: "127.0.0.1" }],
  healthcheck: {
    tests: ["CMD", "python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8090')"],
    interval: "2s",
  },
  wait: true,
});

export const url = app.ports.apply((ports) => `http://127.0.0.1:${ports?.[0]?.external}`);
/** Letta, for programs on this host. */
export const lettaUrl = letta.requireOutput("urls").apply((urls) => urls.gateway);
