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
    expect(await require("0.16.7")).toEqual({
      choice: { version: "0.16.7", reference: `letta/letta:0.16.7@${newDigest}` },
      lock: {
        letta: { name: "letta/letta", tag: "0.16.8", digest },
        "letta@0.16.7": { name: "letta/letta", tag: "0.16.7", digest: newDigest },
      },
      pulls: ["docker pull letta/letta:0.16.7"],
    });
  });

  test("the pinned one is not pulled again", async () => {
    const { choice, pulls } = await require("0.16.8");
    expect(choice).toEqual({ version: "0.16.8", reference: `letta/letta:0.16.8@${digest}` });
    expect(pulls).toEqual([]);
  });

  test("a reference is used as given, and through the mirror if there is one", async () => {
    expect((await require("ghcr.io/me/letta:0.16.8-mine")).choice.reference).toBe(
      `ghcr.io/me/letta:0.16.8-mine@${newDigest}`,
    );
    const { choice, pulls } = await require("0.16.7", "  thoth-letta:imageMirror: mirror.example.org/hub\n");
    expect(choice.reference).toBe(`mirror.example.org/hub/letta/letta:0.16.7@${newDigest}`);
    expect(pulls).toEqual(["docker pull mirror.example.org/hub/letta/letta:0.16.7"]);
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
