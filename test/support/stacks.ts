import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import YAML from "yaml";
import { docker, dockerOutput } from "../../infra/lib/docker/engine.ts";
import { imageReference } from "../../infra/lib/images.ts";
import type { LettaEndpoint } from "../../infra/lib/letta/api.ts";
import { labels } from "../../infra/lib/names.ts";
import type { ThothExports } from "../../infra/stacks/outputs.ts";
import { projectEnvironment, root } from "../../scripts/lib/checkout.ts";
import { readConfigFile } from "../../scripts/lib/stack-file.ts";
import { mirrorOf } from "../../scripts/lib/stack-images.ts";
import type { LettaStack } from "../../scripts/lib/stacks.ts";
import { projectFolder, stateFiles } from "./engine-objects.ts";
import { freePorts, freeSubnets } from "./free-places.ts";

/** What a command gave. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Both streams, for messages that may come on either. */
  readonly output: string;
}

type CommandOptions = { readonly env?: Readonly<Record<string, string>>; readonly input?: string };

/** A container as a test that looks for restarts compares it. */
export type ContainerIdentity = { readonly id: string; readonly startedAt: string };

/** The config of one stack: key -> value, without the namespace. */
export type StackConfig = Record<string, unknown>;

/** Where a project's commands run. */
export interface Place {
  /** Put in front of each command line. */
  readonly wrapper: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * A Pulumi project in its own folder, with its own state, passphrase and two stacks, next to whatever runs on this machine.
 * The program is the checkout's.
 */
export class TestProject {
  readonly suffix: string;
  readonly folder: string;
  readonly letta: string;
  readonly thoth: string;
  readonly vault: string;
  readonly #place: Place;
  #checkout = root;

  /** @param place default: this machine, and its engine */
  constructor(suffix: string, place: Place = { wrapper: [], env: {} }) {
    this.suffix = suffix;
    this.#place = place;
    this.folder = projectFolder(suffix);
    this.letta = `letta-t${suffix}`;
    this.thoth = `thoth-t${suffix}`;
    this.vault = join(this.folder, "vault");
  }

  /** The environment in which Pulumi and the project's commands work on this project and on no other. */
  environment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
    const { PULUMI_CONFIG_PASSPHRASE: _, YES: __, ...given } = process.env;
    // A make that runs the tests would hand its own variables to one that a test runs.
    const { MAKEFLAGS: ___, MAKEOVERRIDES: ____, MAKELEVEL: _____, ...env } = given;
    return projectEnvironment({
      ...env,
      PULUMI_BACKEND_URL: pathToFileURL(join(this.folder, "backend")).href,
      PULUMI_CONFIG_PASSPHRASE_FILE: join(this.folder, "passphrase"),
      THOTH_LETTA_PROJECT: this.folder,
      LETTA_STACK: this.letta,
      THOTH_STACK: this.thoth,
      ...this.#place.env,
      ...extra,
    });
  }

  /** Makes a folder's sources the program and the commands of this project from now on; state and config stay. */
  useCheckout(folder: string): void {
    this.#checkout = folder;
    layOutProject(this.folder, folder);
  }

  /** Runs Pulumi; never throws for an exit code. */
  pulumi(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return this.#run("pulumi", [...args, "--non-interactive", "--color", "never"], options);
  }

  /** Runs one of the project's own commands, e.g. `letta stop`; never throws for an exit code. */
  command(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return this.#run("node", [join(this.#checkout, "scripts/main.ts"), ...args], options);
  }

  /** Runs the Docker CLI; never throws for an exit code. */
  engine(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return this.#run("docker", args, options);
  }

  /** Brings a stack up. @throws with all that Pulumi said when that fails */
  async up(stack: string, ...args: string[]): Promise<CommandResult> {
    return succeeded(await this.pulumi(["up", "--yes", "--skip-preview", "--stack", stack, ...args]));
  }

  /** A stack's outputs with the secrets in the open. */
  async outputs<Outputs>(stack: string): Promise<Outputs> {
    const { stdout } = succeeded(await this.pulumi(["stack", "output", "--json", "--show-secrets", "--stack", stack]));
    return JSON.parse(stdout) as Outputs;
  }

  readonly lettaOutputs = () => this.outputs<LettaStack>(this.letta);
  readonly thothOutputs = () => this.outputs<ThothExports>(this.thoth);

  /** Letta through its own port, not through the gateway. */
  async lettaEndpoint(): Promise<LettaEndpoint> {
    const { urls, serverPassword } = await this.lettaOutputs();
    return { url: urls.server, password: serverPassword };
  }

  /** Letta as a project reaches it, through the gateway; by default the project of the thoth stack. */
  async projectEndpoint(project = "thoth"): Promise<LettaEndpoint> {
    const { urls, projects } = await this.lettaOutputs();
    return { url: urls.gateway, password: projects[project]?.token ?? "" };
  }

  /** Changes a stack's config file, and keeps what else Pulumi has put into it. */
  configure(stack: string, changes: StackConfig): void {
    const path = this.#configPath(stack);
    const file = YAML.parse(readFileSync(path, "utf8")) as { config?: StackConfig };
    writeFileSync(path, YAML.stringify({ ...file, config: { ...file.config, ...qualified(changes) } }));
  }

  /** One value of a stack's config file. */
  configured<Value>(stack: string, key: string): Value {
    const file = YAML.parse(readFileSync(this.#configPath(stack), "utf8")) as { config: StackConfig };
    return file.config[`thoth-letta:${key}`] as Value;
  }

  /** Makes a stack with this config. */
  async initialize(stack: string, config: StackConfig): Promise<void> {
    writeFileSync(this.#configPath(stack), YAML.stringify({ config: qualified(config) }));
    succeeded(await this.pulumi(["stack", "init", stack, "--no-select"]));
  }

  /** Every container of both stacks: name -> identity. */
  async containers(stack: string): Promise<Record<string, ContainerIdentity>> {
    const filter = `label=${labels.prefix}=${stack}`;
    const names = (await dockerOutput(["ps", "--all", "--filter", filter, "--format", "{{.Names}}"])).trim();
    if (names === "") return {};
    const format = "{{.Name}} {{.Id}} {{.State.StartedAt}}";
    const rows = await dockerOutput(["inspect", "--format", format, ...names.split("\n").sort()]);
    const fields = rows
      .trim()
      .split("\n")
      .map((row) => row.slice(1).split(" ") as [string, string, string]);
    return Object.fromEntries(fields.map(([name, id, startedAt]) => [name, { id, startedAt }]));
  }

  /** The last lines of every container's log, for a test that failed. */
  async recentLogs(): Promise<string> {
    const names = [this.letta, this.thoth].map(async (stack) => Object.keys(await this.containers(stack)));
    const logs = (await Promise.all(names)).flat().map(async (name) => {
      const { stdout, stderr } = await docker(["logs", "--tail", "15", name]);
      return `--- ${name}\n${stdout}${stderr}`;
    });
    return (await Promise.all(logs)).join("\n");
  }

  /** Runs SQL as Postgres' superuser inside the container; returns the rows as text. */
  async psql(sql: string, database = "postgres"): Promise<string> {
    const args = ["psql", "-U", "postgres", "-d", database, "-v", "ON_ERROR_STOP=1", "-qtA"];
    return (await dockerOutput(["exec", "-i", `${this.letta}-postgres`, ...args], { input: sql })).trim();
  }

  #configPath(stack: string): string {
    return join(this.folder, `Pulumi.${stack}.yaml`);
  }

  #run(file: string, args: readonly string[], { env, input }: CommandOptions): Promise<CommandResult> {
    const options = { cwd: this.folder, env: this.environment(env), maxBuffer: 256 * 1024 * 1024 };
    const [program = "", ...line] = [...this.#place.wrapper, file, ...args];
    return new Promise((resolve, reject) => {
      const child = execFile(program, line, options, (error, stdout, stderr) => {
        if (typeof error?.code === "string") return reject(error);
        resolve({ exitCode: error === null ? 0 : (error.code ?? -1), stdout, stderr, output: `${stdout}${stderr}` });
      });
      child.stdin?.on("error", () => {});
      child.stdin?.end(input ?? "");
    });
  }
}

/** Config in addition to what every test stack has: its prefix, images built here, free ports and a free subnet. */
export interface ProjectOptions {
  /** The process at whose end the project may be removed. */
  readonly owner: number;
  readonly letta?: StackConfig;
  readonly thoth?: StackConfig;
  /** Default: this machine. */
  readonly place?: Place;
}

/** Four hex digits after which a test may name what it makes on the engine: it goes when this process has ended. */
export function reserveSuffix(owner: number): string {
  const suffix = randomBytes(2).toString("hex");
  mkdirSync(projectFolder(suffix));
  writeFileSync(stateFiles(suffix).owner, String(owner));
  return suffix;
}

/** Makes a project with a letta and a thoth stack, neither of them up. */
export async function makeProject({ owner, letta = {}, thoth = {}, place }: ProjectOptions): Promise<TestProject> {
  const project = new TestProject(reserveSuffix(owner), place);
  mkdirSync(join(project.folder, "backend"));
  mkdirSync(project.vault);
  writeFileSync(join(project.folder, "passphrase"), randomBytes(16).toString("hex"), { mode: 0o600 });
  layOutProject(project.folder);
  const [postgres, server, gateway, api, mcp] = await freePorts(5);
  const [lettaSubnet, internalSubnet, thothSubnet] = await freeSubnets(3);
  await project.initialize(project.letta, {
    kind: "letta",
    images: imageSource(),
    ports: { postgres, server, gateway },
    subnet: lettaSubnet,
    internalSubnet,
    // A rehearsal takes a processor for seconds; a test that is about one asks for it.
    models: { trial: "off" },
    backup: { drillOnStart: false, archiveSeconds: 5, heartbeatSeconds: 2 },
    ...letta,
  });
  await project.initialize(project.thoth, {
    kind: "thoth",
    // Where each role can be looked at, stopped and broken alone; all-in-one.test.ts is about the default.
    shape: "roles",
    lettaStack: project.letta,
    ports: { api, mcp },
    subnet: thothSubnet,
    vault: project.vault,
    ...thoth,
  });
  return project;
}

/** Gives a folder what Pulumi and make need of a checkout, its state and config aside. */
export function layOutProject(folder: string, checkout = root): void {
  copyFileSync(join(checkout, "Pulumi.yaml"), join(folder, "Pulumi.yaml"));
  for (const name of ["infra", "scripts", "node_modules", "package.json", "package-lock.json", "Makefile"]) {
    rmSync(join(folder, name), { force: true });
    symlinkSync(join(checkout, name), join(folder, name));
  }
}

/** Where setup takes this checkout's images from. */
export const imageSource = () =>
  readConfigFile({ projectDirectory: root }, "letta").images === "local" ? "local" : "registry";

/** The image that setup has built or pulled for this checkout. */
export function presentImage(key: string): string {
  return imageReference(key, { root, images: imageSource(), mirror: mirrorOf({ projectDirectory: root }, "letta") });
}

/** The Postgres of a letta stack: in registry mode it is one built here on the registry's. */
export const postgresImage = () => presentImage(imageSource() === "local" ? "postgres" : "postgres-archiving");

/** @throws with all that the command said, unless it ended well */
export function succeeded(result: CommandResult): CommandResult {
  if (result.exitCode === 0) return result;
  throw new Error(`the command ended with exit code ${result.exitCode}:\n${result.output}`);
}

function qualified(config: StackConfig): StackConfig {
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [`thoth-letta:${key}`, value]));
}
