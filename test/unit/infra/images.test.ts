import { describe, expect, test } from "vitest";
import { UserError } from "../../../infra/lib/errors.ts";
import { imageReference } from "../../../infra/lib/images.ts";
import { temporaryFiles, temporaryFolder } from "../../support/temporary.ts";

const digest = `sha256:${"a".repeat(64)}`;
const lock = JSON.stringify({
  redis: { name: "library/redis", tag: "8.0.1", digest },
  letta: { name: "letta/letta", tag: "0.16.8" },
});

describe("from a registry", () => {
  test("an image is its name, tag and digest", () => {
    const root = temporaryFiles({ "images.lock.json": lock });
    expect(imageReference("redis", { root, images: "registry" })).toBe(`library/redis:8.0.1@${digest}`);
  });

  test.each(["mirror.example.org/hub", "mirror.example.org/hub/", "mirror.example.org/hub//"])(
    "a mirror %s comes before the name",
    (mirror) => {
      const root = temporaryFiles({ "images.lock.json": lock });
      expect(imageReference("redis", { root, images: "registry", mirror })).toBe(
        `mirror.example.org/hub/library/redis:8.0.1@${digest}`,
      );
    },
  );

  test.each(["letta", "nginx"])("%s, without a digest, is not used", (key) => {
    const root = temporaryFiles({ "images.lock.json": lock });
    expect(() => imageReference(key, { root, images: "registry" })).toThrow(
      new UserError(`image ${key} is not pinned: images.lock.json has no digest for it`, "make images-lock"),
    );
  });

  test("a missing lock file pins nothing", () => {
    expect(() => imageReference("redis", { root: temporaryFolder(), images: "registry" })).toThrow(
      "image redis is not pinned: images.lock.json has no digest for it\n  fix: make images-lock",
    );
  });
});

describe("built here", () => {
  const local = JSON.stringify({ redis: "thoth-letta/redis:8-0123456789ab" });

  test("an image is what the build recorded, whatever the mirror", () => {
    const root = temporaryFiles({ ".state/images.local.json": local, "images.lock.json": lock });
    expect(imageReference("redis", { root, images: "local", mirror: "mirror.example.org" })).toBe(
      "thoth-letta/redis:8-0123456789ab",
    );
  });

  test("an image that is not built is not taken from a registry instead", () => {
    const root = temporaryFiles({ ".state/images.local.json": "{}", "images.lock.json": lock });
    expect(() => imageReference("redis", { root, images: "local" })).toThrow(
      new UserError("image redis is not built: .state/images.local.json does not name it", "make setup"),
    );
  });

  test("nothing is built before setup", () => {
    expect(() => imageReference("redis", { root: temporaryFolder(), images: "local" })).toThrow(
      "image redis is not built: .state/images.local.json does not name it\n  fix: make setup",
    );
  });
});

describe("of a version", () => {
  const pin = (tag: string) => ({ name: "letta/letta", tag, digest });
  const root = () =>
    temporaryFiles({
      "images.lock.json": JSON.stringify({ letta: pin("0.16.8"), "letta@0.16.5": pin("0.16.5") }),
      ".state/images.local.json": JSON.stringify({
        letta: "thoth-letta/letta:0.16.8-0123456789ab",
        "letta@0.16.5": "thoth-letta/letta:0.16.5-ba9876543210",
        "letta@0.16.8": "thoth-letta/letta:0.16.8-000000000000",
      }),
    });

  test.each([
    ["registry", undefined, `letta/letta:0.16.8@${digest}`],
    ["registry", "0.16.8", `letta/letta:0.16.8@${digest}`],
    ["registry", "0.16.5", `letta/letta:0.16.5@${digest}`],
    ["local", undefined, "thoth-letta/letta:0.16.8-0123456789ab"],
    // The default one is what setup keeps current.
    ["local", "0.16.8", "thoth-letta/letta:0.16.8-0123456789ab"],
    ["local", "0.16.5", "thoth-letta/letta:0.16.5-ba9876543210"],
  ] as const)("%s, %s: %s", (images, version, expected) => {
    expect(imageReference("letta", { root: root(), images }, version)).toBe(expected);
  });

  test.each([
    ["registry", "image letta@0.16.7 is not pinned: images.lock.json has no digest for it"],
    ["local", "image letta@0.16.7 is not built: .state/images.local.json does not name it"],
  ] as const)("that is not there, %s, is named", (images, message) => {
    expect(() => imageReference("letta", { root: root(), images }, "0.16.7")).toThrow(message);
  });
});

test.each([
  ["registry", "images.lock.json"],
  ["local", ".state/images.local.json"],
] as const)("a broken file of images: %s is named, with its place", (images, file) => {
  const root = temporaryFiles({ [file]: '{"redis": ' });
  expect(() => imageReference("redis", { root, images })).toThrow(UserError);
  expect(() => imageReference("redis", { root, images })).toThrow(
    new RegExp(`^${root}/${file} is not JSON: .*\n  fix: restore the file from git, or run make setup$`),
  );
});
