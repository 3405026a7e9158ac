import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type RegistryImageOptions, registryImageSteps } from "../../../../scripts/images/on-registry.ts";
import { type OwnImage, planOnRegistry } from "../../../../scripts/images/plan.ts";
import { fakePrograms } from "../../../support/fake-programs.ts";
import { temporaryFiles, temporaryFolder } from "../../../support/temporary.ts";

const base = "mirror.example.org/library/debian:trixie-slim@sha256:0123";
const postgres = "mirror.example.org/pgvector/pgvector:0.8.6-pg17@sha256:4567";
const checkout = (files: Readonly<Record<string, string>> = {}) =>
  temporaryFiles({
    "offline/base/build.sh": "build",
    "images/rootfs/usr/local/sbin/install-packages": "install",
    "images/registry-base/Dockerfile": "ARG REGISTRY_BASE\n",
    "images/thoth/Dockerfile": "ARG BASE_IMAGE\n",
    "images/postgres-archiving/Dockerfile": "ARG BASE_IMAGE\n",
    "images/backup/Dockerfile": "ARG BASE_IMAGE\n",
    ...files,
  });
const referencesOf = (root: string, registryBase = base) =>
  planOnRegistry(root, { base: registryBase, postgres }, ["thoth"]).map(({ reference }) => reference);
const stepsOf = (root: string, wanted: readonly OwnImage[]) =>
  registryImageSteps({ root, bases: { base, postgres }, wanted, needs: ["images-pull"] });

describe("the stand-in on a registry's base", () => {
  test("has a name that changes with its base, the helpers and its own files", () => {
    const before = referencesOf(checkout());
    expect(before[0]).toMatch(/^thoth-letta\/base:registry-[0-9a-f]{12}$/);
    expect(before[1]).toMatch(/^thoth-letta\/thoth-standin:0\.1\.0-[0-9a-f]{12}$/);
    expect(referencesOf(checkout())).toEqual(before);
    for (const [otherBase, other] of [
      referencesOf(checkout(), "other"),
      referencesOf(checkout({ "images/registry-base/Dockerfile": "changed" })),
      referencesOf(checkout({ "images/rootfs/usr/local/sbin/install-packages": "changed" })),
    ]) {
      expect(otherBase).not.toBe(before[0]);
      expect(other).not.toBe(before[1]);
    }
    expect(referencesOf(checkout({ "offline/base/build.sh": "changed" }))).toEqual(before);
  });

  test("has what the host's apt needs, but not its proxy's password, and the helpers, in its base", async () => {
    const root = checkout();
    fakePrograms({
      docker: { build: { exitCode: 1 } },
      "apt-config": {
        "dump --format %v%n Acquire::http::Proxy": {},
        dump: { stdout: 'Acquire::Check-Date "false";\nAcquire::http::Proxy "http://user:pw@proxy";\n' },
      },
      "apt-get": {
        indextargets: { stdout: "Docker|Docker|https://other\nDebian|Debian|http://deb.example.org/debian\n" },
      },
      npm: { "config get registry": {} },
      python3: { "-m pip": {} },
    });
    const [baseStep] = stepsOf(root, ["thoth"]);
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
});

test("Letta, once no registry has it, is built on the registry's base, as locally", () => {
  const root = checkout({ "images/letta/Dockerfile": "ARG BASE_IMAGE\n" });
  const [plainBase, letta] = planOnRegistry(root, { base, postgres }, ["letta"]);
  expect(letta?.reference).toMatch(/^thoth-letta\/letta:0\.16\.8-[0-9a-f]{12}$/);
  expect(letta?.buildArguments).toEqual({ LETTA_VERSION: "0.16.8", BASE_IMAGE: plainBase?.reference });
});

describe("the references of what is built on a registry's images", () => {
  /** Runs the last step, which writes them. @returns the file afterwards */
  async function written(options: Partial<RegistryImageOptions> & { root: string }) {
    const step = registryImageSteps({ bases: { base, postgres }, wanted: ["backup"], needs: [], ...options }).at(-1);
    expect(await step?.isDone()).toBe(false);
    await step?.run(() => {});
    expect(await step?.isDone()).toBe(true);
    const file = join(options.stateRoot ?? options.root, ".state/images.local.json");
    return JSON.parse(readFileSync(file, "utf8")) as Record<string, string>;
  }

  test("are written where the caller wants", async () => {
    const root = checkout();
    const [, , archiving, backup] = planOnRegistry(root, { base, postgres }, ["backup"]);
    expect(await written({ root, stateRoot: temporaryFolder() })).toEqual({
      "postgres-archiving": archiving?.reference,
      backup: backup?.reference,
    });
    expect(existsSync(join(root, ".state"))).toBe(false);
  });

  test("of another Postgres than the default one are written under its version, but not the stand-in's", async () => {
    const root = checkout({ ".state/images.local.json": '{"backup": "usual", "thoth": "old"}' });
    const known = await written({ root, postgresVersion: "17.1", wanted: ["thoth", "backup"] });
    expect(Object.keys(known)).toEqual(["backup", "thoth", "postgres-archiving@17.1", "backup@17.1"]);
    expect(known).toMatchObject({ backup: "usual", thoth: referencesOf(root)[1] });
  });
});

describe("the backup on a registry's Postgres", () => {
  const plansOf = (changes = {}) => planOnRegistry(checkout(), { base, postgres, ...changes }, ["backup"]);

  test("is built on that Postgres with pgBackRest, and npm runs on the registry's Debian", () => {
    const [debian, plain, archiving, backup] = plansOf();
    expect(backup?.reference).toMatch(/^thoth-letta\/backup:0\.8\.6-pg17-[0-9a-f]{12}$/);
    expect(plain?.buildArguments).toEqual({ REGISTRY_BASE: postgres });
    expect(archiving?.buildArguments).toEqual({ BASE_IMAGE: plain?.reference });
    expect(backup?.buildArguments).toEqual({ BASE_IMAGE: archiving?.reference, PACKAGES_IMAGE: debian?.reference });
    const others = plansOf({ postgres: "other" }).map(({ reference }) => reference);
    const same = plansOf().filter(({ reference }) => others.includes(reference));
    expect(same.map(({ name }) => name)).toEqual(["base"]);
  });

  test("is built after what it stands on, and with the stand-in if that is wanted too", () => {
    expect(stepsOf(checkout(), ["thoth", "backup"]).map((step) => [step.id, ...(step.needs ?? [])])).toEqual([
      ["image-base", "images-pull"],
      ["image-postgres-base", "images-pull"],
      ["image-thoth", "image-base"],
      ["image-postgres-archiving", "image-postgres-base"],
      ["image-backup", "image-postgres-archiving", "image-base", "image-thoth"],
      ["image-lock", "image-thoth", "image-postgres-archiving", "image-backup"],
    ]);
  });
});
