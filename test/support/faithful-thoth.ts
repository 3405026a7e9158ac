import { join } from "node:path";
import { imageStep } from "../../scripts/images/build.ts";
import { contentHash } from "../../scripts/images/content-hash.ts";
import { root } from "../../scripts/lib/checkout.ts";
import { presentImage } from "./stacks.ts";

/** The stand-in as hard to run as the real Thoth, as an image that Thoth's own commands start; built on the stand-in's. */
export async function faithfulThoth(): Promise<string> {
  const standIn = presentImage("thoth");
  const directory = join(root, "test/support/faithful-thoth");
  const reference = `thoth-letta/test-faithful-thoth:${contentHash(directory, [standIn])}`;
  const title = "The stand-in as hard to run as Thoth, for tests";
  const plan = { name: "faithful-thoth", title, directory, reference, buildArguments: { STAND_IN: standIn } };
  const step = imageStep({ ...plan, labels: {}, needs: [] }, root);
  if (!(await step.isDone())) await step.run(() => {});
  return reference;
}
