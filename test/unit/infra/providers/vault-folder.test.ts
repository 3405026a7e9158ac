import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import provider from "../../../../infra/providers/vault-folder.ts";
import { temporaryFolder } from "../../../support/temporary.ts";

const isRoot = process.getuid?.() === 0;
const owner = isRoot ? "12345:23456" : `${process.getuid?.()}:${process.getgid?.()}`;
const folders = ["", "thoth", "thoth/papers", "thoth/_thoth", "thoth/_thoth/logs"];

const diff = (inputs: { path: string; owner: string }, olds = inputs) => provider.diff?.(olds.path, olds, inputs);
const ownerOf = (path: string) => `${statSync(path).uid}:${statSync(path).gid}`;

test("creates the folders for the given owner, and then has nothing to do", async () => {
  const inputs = { path: join(temporaryFolder(), "deep/vault"), owner };
  expect(await provider.create(inputs)).toEqual({ id: inputs.path, outs: inputs });
  for (const folder of folders) expect(ownerOf(join(inputs.path, folder)), folder).toBe(owner);
  expect(await diff(inputs)).toEqual({ changes: false });
});

test.runIf(isRoot)("gives away only what it makes", async () => {
  const outside = temporaryFolder();
  const path = join(outside, "vault");
  mkdirSync(join(path, "thoth"), { recursive: true });
  await provider.create({ path, owner });
  expect([outside, path, join(path, "thoth")].map(ownerOf)).toEqual(Array(3).fill(ownerOf(outside)));
  expect([join(path, "thoth/papers"), join(path, "thoth/_thoth/logs")].map(ownerOf)).toEqual([owner, owner]);
});

test("leaves a vault's content as it is", async () => {
  const path = temporaryFolder();
  mkdirSync(join(path, "thoth/papers"), { recursive: true });
  writeFileSync(join(path, "thoth/papers/one.pdf"), "text");
  const before = statSync(join(path, "thoth/papers")).mtimeMs;
  await provider.create({ path, owner });
  expect(statSync(join(path, "thoth/papers")).mtimeMs).toBe(before);
  expect(statSync(join(path, "thoth/papers/one.pdf")).size).toBe(4);
});

test("diff shows a change when a folder was removed, which update brings back", async () => {
  const inputs = { path: temporaryFolder(), owner };
  await provider.create(inputs);
  rmSync(join(inputs.path, "thoth/_thoth/logs"), { recursive: true });
  expect(await diff(inputs)).toEqual({ changes: true });
  expect(await provider.update?.(inputs.path, inputs, inputs)).toEqual({ outs: inputs });
  expect(await diff(inputs)).toEqual({ changes: false });
  // Even to a complete vault.
  const other = { path: temporaryFolder(), owner };
  await provider.create(other);
  expect(await diff(other, inputs)).toEqual({ changes: true });
});

test("a place where nothing can be created is an error with a fix", async () => {
  // A file in the way stops root as well, whom no permission stops.
  const file = join(temporaryFolder(), "file");
  writeFileSync(file, "");
  const path = join(file, "vault");
  await expect(provider.create({ path, owner })).rejects.toThrow(
    /^the vault's folders cannot be created in .*\/file\/vault: ENOTDIR.*\n {2}fix: choose a folder you may write to: /,
  );
});

test("delete leaves the vault", async () => {
  const inputs = { path: temporaryFolder(), owner };
  await provider.create(inputs);
  await provider.delete?.(inputs.path, inputs);
  expect(await diff(inputs)).toEqual({ changes: false });
});
