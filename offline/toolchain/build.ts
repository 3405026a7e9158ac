import { lstat, mkdir, readFile, rm, symlink } from "node:fs/promises";
import path from "node:path";
import { UserError } from "../../infra/lib/errors.ts";
import { ask, run } from "../../scripts/lib/run.ts";
import type { Step } from "../../scripts/lib/steps.ts";
import { type Binary, hashOfInputs, install, isCurrent, isForeign } from "./binaries.ts";
import { leftOut, writeModFile } from "./left-out.ts";

/** Where the toolchain goes. */
export interface ToolchainOptions {
  /** The checkout; the CLI and its helpers go to `.tools/bin` in it. */
  readonly root: string;
  /** The plugins go to `plugins/` in it; Pulumi's default is `~/.pulumi`. */
  readonly pulumiHome: string;
  /** Go's environment. Default: this process's. */
  readonly env?: NodeJS.ProcessEnv;
}

const sources = import.meta.dirname;

/** Without `-X` the CLI would report a development version. */
const version = "v3.256.0";
const buildArguments = [
  "-trimpath",
  // The Docker provider's switch to leave out its Compose resource, which the Pulumi package does not have.
  "-tags=no_compose",
  // -s -w would drop debug information; not making it saves a tenth of the compile time.
  "-gcflags=all=-dwarf=false",
  `-ldflags=-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=${version}`,
];

/** Steps that build the Pulumi CLI, its Node.js host and this project's plugins from Go modules. */
export function toolchainSteps(options: ToolchainOptions): Step[] {
  return [buildStep(options), launcherStep(options.root)];
}

function buildStep({ root, pulumiHome, env = process.env }: ToolchainOptions): Step {
  const outdated = async (hash: string) => {
    const binaries = toolchainBinaries(root, pulumiHome);
    const current = await Promise.all(
      binaries.map(async (binary) => (await isForeign(binary)) || (await isCurrent(binary, hash))),
    );
    return binaries.filter((_, index) => !current[index]);
  };
  const currentHash = () => hashOfInputs(sources, [...buildArguments, JSON.stringify(leftOut)]);

  return {
    id: "toolchain",
    title: `Pulumi CLI ${version.slice(1)} with its Node.js host and the docker and random plugins, built from Go modules`,
    isDone: async () => (await outdated(await currentHash())).length === 0,
    async run(report) {
      const hash = await currentHash();
      const binaries = await outdated(hash);
      await requireGo(env);
      const outputFolder = path.join(root, ".tools/build");
      await mkdir(outputFolder, { recursive: true });
      await build(binaries, outputFolder, env, report);
      for (const binary of binaries) await install(binary, outputFolder, hash);
      await rm(outputFolder, { recursive: true });
    },
  };
}

function toolchainBinaries(root: string, pulumiHome: string): Binary[] {
  const tool = (name: string) => path.join(root, ".tools/bin", name);
  const plugin = (name: string, version: string) =>
    path.join(pulumiHome, "plugins", `resource-${name}-v${version}`, `pulumi-resource-${name}`);
  return [
    { goPackage: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", path: tool("pulumi") },
    { goPackage: "./cmd/pulumi-language-nodejs", path: tool("pulumi-language-nodejs") },
    { goPackage: "./cmd/pulumi-resource-docker", path: plugin("docker", "5.2.0") },
    { goPackage: "./cmd/pulumi-resource-random", path: plugin("random", "4.21.2") },
  ];
}

/**
 * One `go build` for all binaries: they share half of their packages, which Go compiles once only in a common build. An
 * interrupted build leaves what it compiled in Go's cache.
 */
async function build(
  binaries: readonly Binary[],
  outputFolder: string,
  env: NodeJS.ProcessEnv,
  report: (line: string) => void,
): Promise<void> {
  const packages = binaries.map(({ goPackage }) => goPackage);
  const modFile = await writeModFile(path.join(outputFolder, "modules"), { sources, env: goEnvironment(env) });
  const options = ["-v", `-modfile=${modFile}`, "-o", `${outputFolder}/`, ...buildArguments];
  let downloaded = 0;
  let compiled = 0;
  await run("go", ["build", ...options, ...packages], {
    cwd: sources,
    env: goEnvironment(env),
    hint: "Packages that were compiled are kept: run make setup again.",
    onLine(line) {
      const isDownload = line.startsWith("go: downloading ");
      const isPackage = /^[\w.~/-]+$/.test(line);
      if (isDownload) downloaded += 1;
      if (isPackage) compiled += 1;
      if (isDownload || isPackage) report(`downloaded ${downloaded} modules, compiled ${compiled} packages`);
      return isDownload || isPackage ? "progress" : undefined;
    },
  });
}

function goEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    ...env,
    // Needs no C compiler, and the binaries run on any Linux of the same architecture.
    CGO_ENABLED: "0",
    // At the default of 100, garbage collection takes a fifth of the build.
    GOGC: env.GOGC ?? "800",
    GOWORK: "off",
  };
}

async function requireGo(env: NodeJS.ProcessEnv): Promise<void> {
  const needed = /^go (\S+)$/m.exec(await readFile(path.join(sources, "go.mod"), "utf8"))?.[1] ?? "";
  const fix =
    "apt-get install golang-go && go env -w GOTOOLCHAIN=auto" +
    "  (with Go 1.21 or newer, the latter fetches a newer Go as a module; on Debian 12: -t bookworm-backports)";
  // In this folder, because Go may switch to the version that go.mod requires.
  const output = await ask("go", ["version"], { cwd: sources, env: goEnvironment(env) });
  const found = /\bgo(\d[\d.]*)/.exec(output ?? "")?.[1];
  if (found === undefined) throw new UserError(`Go ${needed} or newer is needed, and there is no go`, fix);
  if (found.localeCompare(needed, "en", { numeric: true }) < 0) {
    throw new UserError(`Go ${needed} or newer is needed, and go is ${found}`, fix);
  }
}

/** The CLI expects the launcher of dynamic providers next to itself; it is part of the SDK. */
function launcherStep(root: string): Step {
  const name = "pulumi-resource-pulumi-nodejs";
  const link = path.join(root, ".tools/bin", name);
  const exists = async () => (await lstat(link).catch(() => undefined)) !== undefined;
  return {
    id: "dynamic-provider-launcher",
    title: "Launcher of dynamic providers, next to the Pulumi CLI",
    isDone: exists,
    async run() {
      await mkdir(path.dirname(link), { recursive: true });
      await symlink(path.join("../../node_modules/@pulumi/pulumi", name), link);
    },
  };
}
