import { lstat, mkdir, readFile, rm, symlink } from "node:fs/promises";
import path from "node:path";
import { UserError } from "../../infra/lib/errors.ts";
import type { Step } from "../../scripts/lib/steps.ts";
import { type Binary, hashOfInputs, install, isCurrent, isForeign } from "./binaries.ts";
import { runGo } from "./go.ts";

/** Where the toolchain goes. */
export interface ToolchainOptions {
  /** The checkout; the CLI and its helpers go to `.tools/bin` in it. */
  readonly root: string;
  /** The plugins go to `plugins/` in it; Pulumi's default is `~/.pulumi`. */
  readonly pulumiHome: string;
  /** What Go runs with, default the process's own environment. */
  readonly env?: NodeJS.ProcessEnv;
}

const sources = import.meta.dirname;

/** `-X` makes the CLI report its version, which it otherwise takes for a development build's. */
const version = "v3.256.0";
const buildArguments = [
  "-trimpath",
  // The Docker provider's own switch to leave out its Compose resource, which the Pulumi package does not have.
  "-tags=no_compose",
  // Debug information would be thrown away by -s -w; not making it saves a tenth of the compiler's time.
  "-gcflags=all=-dwarf=false",
  `-ldflags=-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=${version}`,
];

/** Steps that build the Pulumi CLI, its Node.js host and the plugins of this project from Go modules. */
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
  const currentHash = () => hashOfInputs(sources, buildArguments);

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
 * One `go build` for all binaries: half of each one's packages are also in another's, and Go compiles them once only if
 * it knows of all at the same time. What an interrupted build has compiled stays in Go's cache.
 */
async function build(
  binaries: readonly Binary[],
  outputFolder: string,
  env: NodeJS.ProcessEnv,
  report: (line: string) => void,
): Promise<void> {
  const packages = binaries.map(({ goPackage }) => goPackage);
  let downloaded = 0;
  let compiled = 0;
  await runGo(["build", "-v", "-o", `${outputFolder}/`, ...buildArguments, ...packages], {
    cwd: sources,
    env: goEnvironment(env),
    onLine(line) {
      const isDownload = line.startsWith("go: downloading ");
      const isPackage = /^[\w.~/-]+$/.test(line);
      if (isDownload) downloaded += 1;
      if (isPackage) compiled += 1;
      if (isDownload || isPackage) report(`downloaded ${downloaded} modules, compiled ${compiled} packages`);
      return isDownload || isPackage ? "progress" : "message";
    },
  });
}

function goEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    ...env,
    // Without C, Go needs no C compiler, and the binaries run on any Linux of the same processor.
    CGO_ENABLED: "0",
    // The compiler's own garbage collection costs a fifth of the build at its default of 100.
    GOGC: env.GOGC ?? "800",
    GOWORK: "off",
  };
}

async function requireGo(env: NodeJS.ProcessEnv): Promise<void> {
  const needed = /^go (\S+)$/m.exec(await readFile(path.join(sources, "go.mod"), "utf8"))?.[1] ?? "";
  const fix =
    "apt-get install golang-go && go env -w GOTOOLCHAIN=auto" +
    "  (from Go 1.21 on, the latter fetches a newer Go as a module; Debian 12 has it with -t bookworm-backports)";
  const found = await goVersion(env).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") throw new UserError(`Go ${needed} or newer is needed, and there is no go`, fix);
    throw error;
  });
  if (isOlder(found, needed)) throw new UserError(`Go ${needed} or newer is needed, and go is ${found}`, fix);
}

/** The version that builds here, e.g. `1.26.8`: Go may switch to the one that go.mod asks for. */
async function goVersion(env: NodeJS.ProcessEnv): Promise<string> {
  const output = await runGo(["version"], { cwd: sources, env: goEnvironment(env), onLine: () => "message" });
  return /\bgo(\d[\d.]*)/.exec(output)?.[1] ?? output;
}

function isOlder(found: string, needed: string): boolean {
  return found.localeCompare(needed, "en", { numeric: true }) < 0;
}

/** The CLI looks for the launcher of dynamic providers beside itself; the SDK has it. */
function launcherStep(root: string): Step {
  const name = "pulumi-resource-pulumi-nodejs";
  const link = path.join(root, ".tools/bin", name);
  const exists = async () => (await lstat(link).catch(() => undefined)) !== undefined;
  return {
    id: "dynamic-provider-launcher",
    title: "Launcher of dynamic providers, beside the Pulumi CLI",
    isDone: exists,
    async run() {
      await mkdir(path.dirname(link), { recursive: true });
      await symlink(path.join("../../node_modules/@pulumi/pulumi", name), link);
    },
  };
}
