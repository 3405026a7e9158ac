import { describe, expect, test } from "vitest";
import { UserError } from "../../../../infra/lib/errors.ts";
import { ownImages } from "../../../../scripts/images/own.ts";
import { chooseSource } from "../../../../scripts/setup/source.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { fakePrograms } from "../../../support/fake-programs.ts";
import { temporaryFiles, temporaryFolder, withEnvironment } from "../../../support/temporary.ts";

const lock = JSON.stringify({ nginx: { name: "library/nginx", tag: "1" } });
const configured = (yaml: string) =>
  temporaryFiles({ "Pulumi.letta.yaml": `config:\n${yaml}`, "images.lock.json": lock });

describe("the source of images", () => {
  test.each(["registry", "local"])(
    "is what the stack's config says, else what THOTH_LETTA_IMAGES says: %s",
    async (images) => {
      const other = images === "local" ? "registry" : "local";
      const programs = fakePrograms({ docker: {} });
      withEnvironment({ THOTH_LETTA_IMAGES: images });
      expect(await chooseSource(fakeDeps(), "letta")).toEqual({ images, reason: "THOTH_LETTA_IMAGES says so" });
      const deps = fakeDeps({ projectDirectory: configured(`  thoth-letta:images: ${other}\n`) });
      expect(await chooseSource(deps, "letta")).toEqual({ images: other, reason: "Pulumi.letta.yaml says so" });
      expect(programs.calls()).toEqual([]);
    },
  );

  const mirror = "mirror.example.org/hub";
  test.each([
    ["Docker Hub", undefined, "", ""],
    ["the environment's mirror", `${mirror}/`, "", `${mirror}/`],
    ["the config's mirror", "other", `  thoth-letta:imageMirror: ${mirror}\n`, `${mirror}/`],
  ])("is else a registry, when %s answers", async (_, THOTH_LETTA_MIRROR, config, asked) => {
    withEnvironment({ THOTH_LETTA_IMAGES: undefined, THOTH_LETTA_MIRROR });
    const programs = fakePrograms({ docker: { pull: {} } });
    const deps = fakeDeps({ projectDirectory: configured(config) });
    expect(await chooseSource(deps, "letta")).toEqual({ images: "registry", reason: "an image registry answers" });
    expect(programs.calls()).toEqual([`docker pull --quiet ${asked}library/nginx:1`]);
  });

  test("is else this machine, and missing where nothing can be built either", async () => {
    withEnvironment({ THOTH_LETTA_IMAGES: undefined });
    fakePrograms({ docker: { pull: { exitCode: 1, stderr: "no such host\n" } } });
    const reason = "no image registry answers";
    const offline = temporaryFiles({ "offline/index.ts": "" });
    expect(await chooseSource(fakeDeps(), "letta", offline)).toEqual({ images: "local", reason });
    await expect(chooseSource(fakeDeps(), "letta", temporaryFolder())).rejects.toThrow(
      new UserError(`${reason}, and this checkout has no offline/`, "check the network, or restore offline/"),
    );
  });
});

describe("images that no registry has", () => {
  const roles = (...names: string[]) =>
    `  thoth-letta:roles:\n${names.map((name) => `    ${name}:\n      image: own\n`).join("")}`;
  const published = "  thoth-letta:repository: registry.example.org/thoth\n";
  const noBackup = "  thoth-letta:backup:\n    enabled: false\n";
  const noPage = "  thoth-letta:page:\n    enabled: false\n";
  const ollama = "  thoth-letta:models:\n    ollama:\n      url: http://ollama:11434\n";

  test.each([
    ["nothing is configured", "", "", ["thoth", "backup", "page", "model"]],
    ["only some roles have an image", roles("api", "mcp"), noBackup, ["thoth", "page", "model"]],
    ["Thoth's images are published", published, "", ["backup", "page", "model"]],
    ["all roles have an image", roles("api", "mcp", "discovery", "monitor"), noBackup, ["page", "model"]],
    ["there is a model provider too", roles("api", "mcp", "discovery", "monitor"), noBackup + ollama, ["page"]],
    ["the status page is off too", roles("api", "mcp", "discovery", "monitor"), noBackup + noPage + ollama, []],
  ])("when %s", (_, thoth, letta, expected) => {
    const files = { "Pulumi.thoth.yaml": `config:\n${thoth}`, "Pulumi.letta.yaml": `config:\n${letta}` };
    const stacks = { lettaStack: "letta", thothStack: "thoth" };
    expect(ownImages({ projectDirectory: temporaryFiles(files) }, stacks)).toEqual(expected);
  });
});
