/**
 * Vitest's global setup of "integration" and "chaos": brings up the pairs of stacks that test files share, and removes
 * everything the run has made.
 *
 * To work on one file without waiting for the stacks each time, keep a pair up in another terminal:
 *
 *     node test/support/test-run.ts        # prints the line for the other terminal; Ctrl-C removes the pair
 */
import { readFileSync, writeFileSync } from "node:fs";
import type { TestProject as VitestProject } from "vitest/node";
import { removeLeftovers, removeProjectsOf, stateFiles } from "./engine-objects.ts";
import { startScriptedModel } from "./scripted-model.ts";
import { makeProject, succeeded, type TestProject } from "./stacks.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The process that removes what the run makes, and the suffixes of the shared pairs of stacks. */
    testRun: { readonly owner: number; readonly pairs: readonly string[] };
  }
}

/** What Letta sends to its model provider; a test looks for it where no secret may be. */
export const modelKey = "sk-scripted-model-key-0123456789";

export default async function setup(vitest: VitestProject): Promise<() => Promise<void>> {
  removeLeftovers();
  const remove = async () => removeProjectsOf(process.pid);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, remove);
  const kept = process.env.THOTH_LETTA_TEST_STACKS?.split(",");
  const count = Math.min(sharingFiles(vitest), vitest.config.maxWorkers);
  const { pairs, stop } = kept === undefined ? await startPairs(count) : { pairs: kept, stop: remove };
  vitest.provide("testRun", { owner: process.pid, pairs });
  return stop;
}

/** How many files of this run use a shared pair. */
function sharingFiles(vitest: VitestProject): number {
  const files = vitest.vitest.state.getPaths().filter((path) => path.includes(`/test/${vitest.name}/`));
  return files.filter((path) => readFileSync(path, "utf8").includes("sharedStacks()")).length;
}

/** Starts to bring pairs up, without waiting: the unit tests, and files that share none, run meanwhile. */
async function startPairs(count: number): Promise<{ pairs: string[]; stop: () => Promise<void> }> {
  const model = await startScriptedModel({ host: "0.0.0.0" });
  const projects: TestProject[] = [];
  const letta = { env: { OPENAI_BASE_URL: `http://host.docker.internal:${model.port}/v1` } };
  for (let made = 0; made < count; made++) projects.push(await makeProject({ owner: process.pid, letta }));
  // One after the other: on two processors, two that start at once make each other time out.
  let isOver = false;
  const settled = (async () => {
    for (const project of projects) if (!isOver) await bringUp(project);
  })();
  const stop = async () => {
    isOver = true;
    await settled;
    removeProjectsOf(process.pid);
    await model.close();
  };
  return { pairs: projects.map(({ suffix }) => suffix), stop };
}

/** Leaves a file that says how it went for the test files that wait; never throws. */
async function bringUp(project: TestProject): Promise<void> {
  const files = stateFiles(project.suffix);
  try {
    const secret = ["config", "set", "--secret", "--path", "secretEnv.OPENAI_API_KEY", "--stack", project.letta];
    succeeded(await project.pulumi(secret, { input: modelKey }));
    await project.up(project.letta);
    await project.up(project.thoth);
    writeFileSync(files.up, "");
  } catch (error) {
    writeFileSync(files.failed, `${error}\n${await project.recentLogs()}`);
  }
}

if (import.meta.main) {
  removeLeftovers();
  const { pairs, stop } = await startPairs(1);
  console.log(`THOTH_LETTA_TEST_STACKS=${pairs} npx vitest run --project integration FILE`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop().then(() => process.exit(0)));
}
