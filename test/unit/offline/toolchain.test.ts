import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { hashOfInputs, install, isCurrent, isForeign } from "../../../offline/toolchain/binaries.ts";
import { toolchainSteps } from "../../../offline/toolchain/build.ts";
import { leftOut } from "../../../offline/toolchain/left-out.ts";
import { temporaryFolder } from "../../support/temporary.ts";

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});

describe("a built program", () => {
  const binary = () => ({ goPackage: "./cmd/tool", path: path.join(folder, "bin/tool") });
  const installOne = async () => {
    await writeFile(path.join(folder, "tool"), "built");
    await install(binary(), folder, "one");
  };

  it("is current for the inputs it was installed from, and outdated for others", async () => {
    await installOne();
    expect(await readFile(binary().path, "utf8")).toBe("built");
    expect(await isCurrent(binary(), "one")).toBe(true);
    expect(await isCurrent(binary(), "two")).toBe(false);
    expect(await isForeign(binary())).toBe(false);
  });

  it("is foreign without a stamp", async () => {
    await mkdir(path.dirname(binary().path));
    await writeFile(binary().path, "published");
    expect(await isForeign(binary())).toBe(true);
    expect(await isCurrent(binary(), "one")).toBe(false);
  });

  it("is neither current nor foreign after an installation that was interrupted", async () => {
    await installOne();
    await rm(path.join(folder, "tool"));
    await expect(install(binary(), folder, "two")).rejects.toThrow("ENOENT");
    expect(await isCurrent(binary(), "one")).toBe(false);
    expect(await isForeign(binary())).toBe(false);
  });
});

describe("the hash of a build's inputs", () => {
  it("changes with the sources and with the arguments, and not with other files", async () => {
    await writeFile(path.join(folder, "main.go"), "package main");
    const before = await hashOfInputs(folder, ["-v"]);
    await writeFile(path.join(folder, "README.md"), "text");
    expect(await hashOfInputs(folder, ["-v"])).toBe(before);
    expect(await hashOfInputs(folder, ["-x"])).not.toBe(before);
    await writeFile(path.join(folder, "main.go"), "package main // changed");
    expect(await hashOfInputs(folder, ["-v"])).not.toBe(before);
  });
});

describe("Go", () => {
  const fakeGo = async (script: string) => {
    await writeFile(path.join(folder, "go"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return { PATH: `${folder}:/usr/bin:/bin` };
  };

  /** Answers of a Go that works, with a cached module that has all packages that are left out. */
  const works = async () => {
    for (const name of Object.values(leftOut).flat()) {
      await mkdir(path.join(folder, "cached", name, "inside"), { recursive: true });
      for (const file of ["one.go", "inside/two.go"]) await writeFile(path.join(folder, "cached", name, file), "");
    }
    return `[ "$1" = version ] && exec echo go version go1.99.0 linux/amd64
      [ "$1" = mod ] && exec echo '{"Dir": "${folder}/cached"}'`;
  };

  it("gets copies of modules in which what is left out is empty, and what is inside it is not", async () => {
    const env = await fakeGo(`${await works()}\ncp -R "$(dirname "\${3#-modfile=}")" ${folder}/seen; exit 2`);
    const [build] = toolchainSteps({ root: folder, pulumiHome: folder, env });
    await expect(build?.run(() => {})).rejects.toThrow("go build failed");
    expect(await readFile(path.join(folder, "seen/go.mod"), "utf8")).toMatch(
      /^replace gocloud\.dev => \/.*\/gocloud\.dev$/m,
    );
    const copy = path.join(folder, "seen/buildx/driver/kubernetes");
    expect((await readdir(copy)).sort()).toEqual(["empty.go", "inside"]);
    expect(await readFile(path.join(copy, "empty.go"), "utf8")).toBe("package kubernetes\n");
    expect(await readdir(path.join(copy, "inside"))).toEqual(["two.go"]);
  });

  it("fails with the last 20 messages, without its progress", async () => {
    const env = await fakeGo(
      `${await works()}
      for i in $(seq 30); do echo package/$i; echo "message $i" >&2; done; exit 2`,
    );
    const lines: string[] = [];
    const [build] = toolchainSteps({ root: folder, pulumiHome: folder, env });
    const expected = Array.from({ length: 20 }, (_, index) => `  message ${index + 11}`).join("\n");
    await expect(build?.run((line) => lines.push(line))).rejects.toThrow(`go build failed (2)\n${expected}`);
    expect(lines.at(-1)).toBe("downloaded 0 modules, compiled 30 packages");
  });

  it("that is missing or too old is reported with the command that installs a newer one", async () => {
    const [build] = toolchainSteps({ root: folder, pulumiHome: folder, env: { PATH: folder } });
    await expect(build?.run(() => {})).rejects.toThrow(/there is no go\n.*apt-get install golang-go/s);
    const env = await fakeGo("echo go version go1.19.8 linux/amd64");
    const [again] = toolchainSteps({ root: folder, pulumiHome: folder, env });
    await expect(again?.run(() => {})).rejects.toThrow(/go is 1\.19\.8\n.*apt-get install golang-go/s);
  });
});
