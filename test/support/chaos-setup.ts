/** For the suites that break things: each file makes the stacks it breaks, and what the run has made goes with it. */
import type { TestProject as VitestProject } from "vitest/node";
import { removeLeftovers, removeProjectsOf } from "./engine-objects.ts";

/** Vitest's global setup of the project "chaos". */
export default function setup(vitest: VitestProject): () => void {
  removeLeftovers();
  const remove = () => removeProjectsOf(process.pid);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, remove);
  // No stacks are shared here; `ownProject` asks for the owner.
  vitest.provide("sharedStacks", { suffix: "none", owner: process.pid });
  return remove;
}
