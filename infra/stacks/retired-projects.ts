import * as pulumi from "@pulumi/pulumi";

const keyName = /random:index\/randomPassword:RandomPassword::database-([a-z0-9_]+)-key$/;

/**
 * Projects that the stack's state has secrets of and its config no longer names.
 *
 * Their databases are kept, so their secrets are too: a project that comes back without its key has lost what it
 * encrypted. The secrets are protected, and Pulumi fails an update whose program lacks a protected resource.
 */
export async function retiredProjects(projects: readonly string[]): Promise<string[]> {
  const stackName = `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`;
  // Answered by the engine itself, from the state as it is before this run.
  const { outputs } = await pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", { stackName });
  return Object.keys(outputs ?? {})
    .flatMap((urn) => keyName.exec(urn)?.[1] ?? [])
    .filter((project) => project !== "letta" && !projects.includes(project))
    .sort();
}
