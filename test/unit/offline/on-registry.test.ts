import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { planStandIn } from "../../../offline/images/plan.ts";
import { standInSteps } from "../../../offline/images/stand-in.ts";
import { fakePrograms } from "../../support/fake-programs.ts";
import { temporaryFiles } from "../../support/temporary.ts";

const base = "mirror.example.org/library/debian:trixie-slim@sha256:0123";
const checkout = (files: Readonly<Record<string, string>> = {}) =>
  temporaryFiles({
    "offline/images/base/build.sh": "build",
    "offline/images/base/rootfs/usr/local/sbin/install-packages": "install",
    "offline/images/registry-base/Dockerfile": "ARG REGISTRY_BASE\n",
    "offline/images/thoth/Dockerfile": "ARG BASE_IMAGE\n",
    ...files,
  });
const referencesOf = (root: string, registryBase = base) =>
  planStandIn(join(root, "offline/images"), registryBase).map(({ reference }) => reference);
const stepsOf = (root: string) => standInSteps({ root, base, needs: ["images-pull"] });

describe("the stand-in on a registry's base", () => {
  test("is known by its base, the helpers and its own files", () => {
    const before = referencesOf(checkout());
    expect(before[0]).toMatch(/^thoth-letta\/base:registry-[0-9a-f]{12}$/);
    expect(before[1]).toMatch(/^thoth-letta\/thoth-standin:0\.1\.0-[0-9a-f]{12}$/);
    expect(referencesOf(checkout())).toEqual(before);
    const others = [
      referencesOf(checkout(), "other"),
      referencesOf(checkout({ "offline/images/registry-base/Dockerfile": "changed" })),
      referencesOf(checkout({ "offline/images/base/rootfs/usr/local/sbin/install-packages": "changed" })),
    ];
    for (const [otherBase, other] of others) {
      expect(otherBase).not.toBe(before[0]);
      expect(other).not.toBe(before[1]);
    }
    expect(referencesOf(checkout({ "offline/images/base/build.sh": "changed" }))).toEqual(before);
  });

  test("is built when its base is there: first the base with the host's settings, then the stand-in on it", async () => {
    const root = checkout();
    const [baseReference, reference] = referencesOf(root);
    const programs = fakePrograms({
      docker: { build: {} },
      "apt-config": {
        "dump --format %v%n Acquire::http::Proxy": {},
        dump: { stdout: 'Acquire::Check-Date "false";\n' },
      },
      "apt-get": { indextargets: { stdout: "Debian|Debian|http://deb.example.org/debian\n" } },
      npm: { "config get registry": { stdout: "http://npm.example.org/\n" } },
      python3: { "-m pip": {} },
    });
    const [baseStep, imageStep, lockStep] = stepsOf(root);
    expect([baseStep, imageStep, lockStep].map((step) => step?.needs)).toEqual([
      ["images-pull"],
      ["image-base"],
      ["image-thoth"],
    ]);
    for (const step of [baseStep, imageStep]) await step?.run(() => {});
    const builds = programs.calls().filter((call) => call.startsWith("docker build"));
    expect(builds).toHaveLength(2);
    expect(builds[0]).toContain(`--tag ${baseReference} --build-arg REGISTRY_BASE=${base} ${root}/.state/build-base`);
    expect(builds[1]).toContain(`--tag ${reference} --build-arg BASE_IMAGE=${baseReference} --label `);
    expect(existsSync(join(root, ".state/build-base"))).toBe(false);
  });

  test("gets what the host's apt needs, and the helpers, into its base", async () => {
    const root = checkout();
    fakePrograms({
      docker: { build: { exitCode: 1 } },
      "apt-config": {
        "dump --format %v%n Acquire::http::Proxy": {},
        dump: { stdout: 'Acquire::Check-Date "false";\nAcquire::http::Proxy "http://user:pw@proxy";\n' },
      },
      "apt-get": {
        indextargets: {
          stdout:
            "Docker|Docker|https://other\nDebian|Debian|http://deb.example.org/debian\nDebian|Debian|http://second\n",
        },
      },
      npm: { "config get registry": {} },
      python3: { "-m pip": {} },
    });
    const [baseStep] = stepsOf(root);
    await expect(baseStep?.run(() => {})).rejects.toThrow("docker build failed (1)");
    const read = (path: string) => readFileSync(join(root, ".state/build-base/rootfs", path), "utf8");
    expect(read("usr/local/sbin/install-packages")).toBe("install");
    expect(read("etc/apt/apt.conf.d/91-host")).toBe('Acquire::Check-Date "false";\n');
    expect(read("etc/apt/sources.list")).toBe(
      "deb http://deb.example.org/debian trixie main\n" +
        "deb http://deb.example.org/debian trixie-updates main\n" +
        "deb http://deb.example.org/debian-security trixie-security main\n",
    );
  });

  test("is written down beside what is written of others", async () => {
    const root = checkout({ ".state/images.local.json": '{"redis": "thoth-letta/redis:8-0", "thoth": "old"}' });
    const lockStep = stepsOf(root)[2];
    expect(await lockStep?.isDone()).toBe(false);
    await lockStep?.run(() => {});
    expect(await lockStep?.isDone()).toBe(true);
    expect(JSON.parse(readFileSync(join(root, ".state/images.local.json"), "utf8"))).toEqual({
      redis: "thoth-letta/redis:8-0",
      thoth: referencesOf(root)[1],
    });
  });

  test("is written down where nothing was before", async () => {
    const root = checkout();
    await stepsOf(root)[2]?.run(() => {});
    expect(JSON.parse(readFileSync(join(root, ".state/images.local.json"), "utf8"))).toEqual({
      thoth: referencesOf(root)[1],
    });
  });
});
