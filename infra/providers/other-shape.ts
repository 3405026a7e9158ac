import { convergingProvider } from "../lib/converging-provider.ts";
import { dockerOutput, inspectContainer } from "../lib/docker/engine.ts";
import { labels } from "../lib/names.ts";

/** Inputs of the OtherShape resource. */
export interface OtherShapeInputs {
  readonly prefix: string;
  /** Docker names of the containers that the stack has in its other shape. */
  readonly containers: string[];
}

/**
 * Stops the containers that a thoth stack had in its other shape, since they hold its ports.
 *
 * Pulumi deletes them at the end of the update, after it has made the new ones.
 */
const provider = convergingProvider<OtherShapeInputs, object>({
  id: ({ prefix }) => prefix,
  isCurrent: async (_, news) => (await running(news)).length === 0,
  async ensure(inputs) {
    const names = await running(inputs);
    // No --time: each has its own grace.
    if (names.length > 0) await dockerOutput(["stop", ...names]);
  },
});
export default provider;

/** Those that run and are this stack's: another one's may have such a name. */
async function running({ prefix, containers }: OtherShapeInputs): Promise<string[]> {
  const states = await Promise.all(containers.map((name) => inspectContainer(name)));
  const isDue = (index: number) =>
    states[index]?.State.Running === true && states[index].Config.Labels[labels.prefix] === prefix;
  return containers.filter((_, index) => isDue(index));
}
