import { describe, expect, test } from "vitest";
import { UserError } from "../../../infra/lib/errors.ts";
import { imageReference } from "../../../infra/lib/images.ts";
import { temporaryFiles } from "../../support/temporary.ts";

const digest = `sha256:${"a".repeat(64)}`;
const lock = JSON.stringify({
  redis: { name: "library/redis", tag: "8.0.1", digest },
  letta: { name: "letta/letta", tag: "0.16.8" },
});

describe("from a registry", () => {
  const reference = (key: string, mirror?: string) =>
    imageReference(key, { root: temporaryFiles({ "images.lock.json": lock }), images: "registry", mirror });

  test("an image is its name, tag and digest, after its mirror", () => {
    const name = `library/redis:8.0.1@${digest}`;
    expect(reference("redis")).toBe(name);
    expect(reference("redis", "mirror.example.org/hub")).toBe(`mirror.example.org/hub/${name}`);
    expect(reference("redis", "mirror.example.org/hub//")).toBe(`mirror.example.org/hub/${name}`);
  });

  test.each(["letta", "nginx"])("%s, without a digest, is not used", (key) => {
    expect(() => reference(key)).toThrow(
      new UserError(`image ${key} is not pinned: images.lock.json has no digest for it`, "make images-lock"),
    );
  });
});

test("an image that is built here is what the build recorded, whatever the mirror and the lock", () => {
  const images = (files: Record<string, string>) => {
    const root = temporaryFiles({ "images.lock.json": lock, ...files });
    return () => imageReference("redis", { root, images: "local", mirror: "mirror.example.org" });
  };
  const image = "thoth-letta/redis:8-0123456789ab";
  expect(images({ ".state/images.local.json": JSON.stringify({ redis: image }) })()).toBe(image);
  const missing = new UserError("image redis is not built: .state/images.local.json does not name it", "make setup");
  expect(images({ ".state/images.local.json": "{}" })).toThrow(missing);
  expect(images({})).toThrow(missing);
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
    ["registry", "0.16.8", `letta/letta:0.16.8@${digest}`],
    ["registry", "0.16.5", `letta/letta:0.16.5@${digest}`],
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
