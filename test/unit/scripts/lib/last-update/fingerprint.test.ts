import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fingerprintOf } from "../../../../../scripts/lib/last-update/fingerprint.ts";
import { addFiles, temporaryFiles, withEnvironment } from "../../../../support/temporary.ts";

const files = {
  "checkout/infra/index.ts": "program",
  "checkout/infra/lib/deep/names.ts": "names",
  "checkout/images/nginx/uploads/nginx.conf": "uploaded",
  "checkout/package-lock.json": "libraries",
  "checkout/.state/images.local.json": "images",
  "checkout/images.lock.json": "pins",
  "project/Pulumi.yaml": "project",
  "project/Pulumi.letta.yaml":
    'config:\n  thoth-letta:tls: \'{"certificateFile": "cert.pem"}\'\n  thoth-letta:envFile: notes.env\n',
  "project/cert.pem": "certificate",
  "project/notes.env": "A=b",
};

function place() {
  const folder = temporaryFiles(files);
  const print = (outputs?: unknown) =>
    fingerprintOf({ projectDirectory: join(folder, "project") }, "letta", outputs, join(folder, "checkout"));
  return { folder, print };
}

test("the same has the same fingerprint", () => {
  const { print } = place();
  expect(print({ a: 1 })).toBe(print({ a: 1 }));
});

const config = "project/Pulumi.letta.yaml";

test.each(Object.keys(files))("a change of %s gives another", (path) => {
  const { folder, print } = place();
  const before = print();
  const added = path === config ? "  other:key: value\n" : "#";
  writeFileSync(join(folder, path), `${files[path as keyof typeof files]}${added}`);
  expect(print()).not.toBe(before);
});

test("a config that Pulumi only sorts, and adds its salt to, has the same", () => {
  const { folder, print } = place();
  const before = print();
  const [first, ...keys] = files[config].trim().split("\n");
  addFiles(folder, { [config]: ["encryptionsalt: v1:salt", first, ...keys.toReversed(), ""].join("\n") });
  expect(print()).toBe(before);
});

test.each<[string, (folder: string) => unknown]>([
  ["a new file of the program", (folder) => addFiles(folder, { "checkout/infra/new.ts": "" })],
  ["another user", () => withEnvironment({ SUDO_UID: "4711" })],
])("%s gives another", (_, change) => {
  const { folder, print } = place();
  const before = print();
  change(folder);
  expect(print()).not.toBe(before);
});

test("other outputs of the letta stack give another", () => {
  const { print } = place();
  expect(print({ a: 1 })).not.toBe(print({ a: 2 }));
});
