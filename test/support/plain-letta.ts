import { join } from "node:path";
import { docker } from "../../infra/lib/docker/engine.ts";
import { imageReference } from "../../infra/lib/images.ts";
import { imageStep } from "../../scripts/images/build.ts";
import { contentHash } from "../../scripts/images/content-hash.ts";
import { requireImage } from "../../scripts/images/version.ts";
import { root } from "../../scripts/lib/checkout.ts";
import { realDeps } from "../../scripts/lib/deps.ts";
import type { TestProject } from "./stacks.ts";

/** Images of an older installation: Postgres 15, and a Letta in an image as upstream's, which has a Postgres 15 inside. */
export interface OldImages {
  readonly postgres: string;
  readonly letta: string;
}

/** Builds what is missing of them, which takes minutes the first time. */
export async function oldImages(project: TestProject): Promise<OldImages> {
  const postgres = "thoth-letta/test-postgres:15";
  const built = await docker(["image", "inspect", postgres]);
  if (built.exitCode !== 0) await realDeps().$`${join(root, "test/support/postgres-15/build.sh")} ${postgres}`;
  await requireImage({ ...realDeps(), projectDirectory: project.folder }, project.letta, "letta", "0.16.5");
  const base = imageReference("letta", { root, images: "local" }, "0.16.5");
  const directory = join(root, "test/support/plain-letta");
  // A name that ends as upstream's does.
  const letta = `thoth-letta-test/letta/letta:0.16.5-${contentHash(directory, [postgres, base])}`;
  const buildArguments = { POSTGRES_IMAGE: postgres, LETTA_IMAGE: base };
  const title = "Letta with its own Postgres, for tests";
  const plan = { name: "plain-letta", title, directory, reference: letta, buildArguments };
  const step = imageStep({ ...plan, labels: {}, needs: [] }, root);
  if (!(await step.isDone())) await step.run(() => {});
  return { postgres, letta };
}
