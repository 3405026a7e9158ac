/**
 * Brings one pair of stacks up for all files of integration tests, and takes away whatever the run has made.
 *
 * To work on one file without waiting for the stacks each time, keep a pair up in another terminal:
 *
 *     node test/support/integration-setup.ts        # prints the line for the other terminal; Ctrl-C removes the pair
 */
import type { TestProject as VitestProject } from "vitest/node";
import { removeLeftovers, removeProjectsOf } from "./engine-objects.ts";
import { startScriptedModel } from "./scripted-model.ts";
import { makeProject, succeeded, type TestProject } from "./stacks.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The project whose two stacks are up for all files, and the process that removes what the run makes. */
    sharedStacks: { readonly suffix: string; readonly owner: number };
  }
}

/** What Letta sends to its model provider; a test looks for it where no secret may be. */
export const modelKey = "sk-scripted-model-key-0123456789";

/** Letta's environment for a scripted model on this host. */
export function modelEnvironment(port: number): Record<string, string> {
  return { OPENAI_BASE_URL: `http://host.docker.internal:${port}/v1` };
}

/** Vitest's global setup of the project "integration". */
export default async function setup(vitest: VitestProject): Promise<() => Promise<void>> {
  removeLeftovers();
  const remove = async () => removeProjectsOf(process.pid);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, remove);
  const kept = process.env.THOTH_LETTA_TEST_STACKS;
  if (kept !== undefined) {
    vitest.provide("sharedStacks", { suffix: kept, owner: process.pid });
    return remove;
  }
  const { project, stop } = await bringUp();
  vitest.provide("sharedStacks", { suffix: project.suffix, owner: process.pid });
  return stop;
}

async function bringUp(): Promise<{ project: TestProject; stop: () => Promise<void> }> {
  const model = await startScriptedModel({ host: "0.0.0.0" });
  const stop = async () => {
    removeProjectsOf(process.pid);
    await model.close();
  };
  const project = await makeProject({ owner: process.pid, letta: { env: modelEnvironment(model.port) } });
  try {
    const secret = ["config", "set", "--secret", "--path", "secretEnv.OPENAI_API_KEY", "--stack", project.letta];
    succeeded(await project.pulumi(secret, { input: modelKey }));
    await project.up(project.letta);
    await project.up(project.thoth);
    return { project, stop };
  } catch (error) {
    console.error(await project.recentLogs());
    await stop();
    throw error;
  }
}

if (import.meta.main) {
  removeLeftovers();
  const { project, stop } = await bringUp();
  console.log(`THOTH_LETTA_TEST_STACKS=${project.suffix} npx vitest run --project integration FILE`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop().then(() => process.exit(0)));
}
