import { defineConfig } from "vitest/config";

/** How many pairs of stacks there are, and so how many integration test files run at a time. */
const pairs = process.env.THOTH_LETTA_TEST_STACKS?.split(",").length ?? Number(process.env.THOTH_LETTA_TEST_PAIRS ?? 2);

export default defineConfig({
  test: {
    // The summary of a run shows the first line of a failure, which has to say what was found.
    chaiConfig: { truncateThreshold: 2000 },
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          maxWorkers: 2,
          // The stacks of the integration tests come up meanwhile, on the same processors.
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          globalSetup: "test/support/test-run.ts",
          // Each worker has a pair of stacks: what waits in one leaves the processors to the other.
          maxWorkers: pairs,
          sequence: { groupOrder: 1 },
          testTimeout: 600_000,
          hookTimeout: 1_800_000,
        },
      },
      {
        test: {
          name: "chaos",
          include: ["test/chaos/**/*.test.ts"],
          globalSetup: "test/support/test-run.ts",
          fileParallelism: false,
          sequence: { groupOrder: 2 },
          testTimeout: 3_600_000,
          hookTimeout: 1_800_000,
        },
      },
    ],
  },
});
