import { join } from "node:path";
import { dockerOutput } from "../../infra/lib/docker/engine.ts";
import { imageStep } from "../../scripts/images/build.ts";
import { contentHash } from "../../scripts/images/content-hash.ts";
import { root } from "../../scripts/lib/checkout.ts";

/**
 * The image of a folder of `test/support`, built on the base of this project's own images, which reaches Debian's packages;
 * rebuilt only when the folder or the base changed.
 */
export async function testImage(name: string, title: string): Promise<string> {
  const format = "{{.Repository}}:{{.Tag}}";
  const bases = (await dockerOutput(["image", "ls", "--format", format, "thoth-letta/base"])).trim().split("\n");
  // The oldest: tests of the registry's images make others, for a while.
  const base = bases.at(-1) ?? "";
  const directory = join(root, "test/support", name);
  const reference = `thoth-letta/test-${name}:${contentHash(directory, [base])}`;
  const plan = { name, title, directory, reference, buildArguments: { BASE_IMAGE: base } };
  const step = imageStep({ ...plan, labels: {}, needs: [] }, root);
  if (!(await step.isDone())) await step.run(() => {});
  return reference;
}
