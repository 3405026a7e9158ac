import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { requireImage, runningImage } from "../../../../scripts/images/version.ts";
import { inspected, notThere } from "../../../support/container-state.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { fakePrograms } from "../../../support/fake-programs.ts";
import { temporaryFiles } from "../../../support/temporary.ts";

const digest = `sha256:${"a".repeat(64)}`;
const newDigest = `sha256:${"b".repeat(64)}`;

describe("from a registry", () => {
  const require = async (wanted: string, config = "") => {
    const projectDirectory = temporaryFiles({
      "Pulumi.letta.yaml": `config:\n  thoth-letta:images: registry\n${config}`,
      "images.lock.json": JSON.stringify({ letta: { name: "letta/letta", tag: "0.16.8", digest } }),
    });
    const programs = fakePrograms({
      docker: { pull: { stdout: `Digest: ${newDigest}\n` }, "image inspect": { stdout: "sha256:1\n" } },
    });
    const choice = await requireImage(fakeDeps({ projectDirectory }), "letta", "letta", wanted);
    const lock = JSON.parse(readFileSync(join(projectDirectory, "images.lock.json"), "utf8")) as object;
    return { choice, lock, pulls: programs.calls().filter((call) => call.startsWith("docker pull")) };
  };

  test("a version is pulled and pinned next to the default one", async () => {
    const { choice, lock, pulls } = await require("0.16.7");
    expect(choice).toEqual({ version: "0.16.7", reference: `letta/letta:0.16.7@${newDigest}` });
    const pinned = { name: "letta/letta", tag: "0.16.7", digest: newDigest };
    expect(lock).toEqual({ letta: { name: "letta/letta", tag: "0.16.8", digest }, "letta@0.16.7": pinned });
    expect(pulls).toEqual(["docker pull letta/letta:0.16.7"]);
  });

  const mirror = "mirror.example.org/hub";
  test.each([
    ["the pinned one is not pulled again", "0.16.8", "", `letta/letta:0.16.8@${digest}`, []],
    ["a reference is used as given", "me/letta:mine", "", `me/letta:mine@${newDigest}`, ["me/letta:mine"]],
    [
      "a version comes through the mirror",
      "0.16.7",
      `  thoth-letta:imageMirror: ${mirror}\n`,
      `${mirror}/letta/letta:0.16.7@${newDigest}`,
      [`${mirror}/letta/letta:0.16.7`],
    ],
  ])("%s", async (_, wanted, config, reference, pulled) => {
    const { choice, pulls } = await require(wanted, config);
    expect(choice.reference).toBe(reference);
    expect(pulls).toEqual(pulled.map((image) => `docker pull ${image}`));
  });
});

test("what a container runs is its image and that image's version", async () => {
  const reference = "thoth-letta/letta:0.16.5-0123456789ab";
  fakePrograms({
    docker: {
      "container inspect letta-server": inspected({}, { image: reference }),
      "container inspect letta-gone": notThere,
    },
  });
  expect(await runningImage(fakeDeps(), "letta-server")).toEqual({ version: "0.16.5", reference });
  await expect(runningImage(fakeDeps(), "letta-gone")).rejects.toThrow(
    "letta-gone is not there\n  fix: make letta-start",
  );
});
