import { readImageFile } from "../lib/image-files.ts";
import { allInOneHealth, roleCheck } from "../lib/names.ts";
import type { ServiceArgs } from "./service/args.ts";
import { type ContainerFile, quoted } from "./service/files.ts";
import type { RoleProgram } from "./thoth-role.ts";

const folder = "/run/thoth-letta";
const launcher = `${folder}/all-in-one.sh`;

/** Made by the MCP registration in the container with all roles: its API waits for it. */
export const toolsAreRead = "/tmp/thoth-letta-tools-are-read";

type Container = Pick<ServiceArgs, "image" | "command" | "files" | "health" | "limits" | "stopGraceSeconds">;

/** One role's own container. */
export function ofOneRole(program: RoleProgram): Container {
  const { image, command, files, health, readyTimeoutSeconds, memoryMiB, processes, cpus, stopGraceSeconds } = program;
  return {
    ...{ image, command, files, stopGraceSeconds },
    health: { test: health, readyTimeoutSeconds },
    limits: { memoryMiB, processes, cpus },
  };
}

/** One container for all roles, which have the same image: images/all-in-one.sh starts them, the MCP server first. */
export function ofAllRoles(programs: Readonly<Record<string, RoleProgram>>): Container {
  const all = Object.values(programs);
  const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);
  const longest = (numbers: readonly number[]) => Math.max(...numbers);
  const cpus = all.map((program) => program.cpus).filter((limit) => limit !== undefined);
  const graces = Object.entries(programs).map(([role, { stopGraceSeconds }]) => [role, String(stopGraceSeconds)]);
  return {
    image: all[0]?.image as string,
    command: ["sh", launcher, ...graces.flat()],
    files: [
      { path: launcher, content: readImageFile("all-in-one.sh") },
      { path: allInOneHealth, content: readImageFile("all-in-one-health.sh") },
      ...Object.entries(programs).flatMap(([role, program]) => roleFiles(role, program)),
      ...new Map(all.flatMap(({ files }) => files).map((file) => [file.path, file])).values(),
    ],
    health: {
      test: ["CMD", ...roleCheck(...Object.keys(programs))],
      // The others start after the MCP server.
      readyTimeoutSeconds: 2 * longest(all.map(({ readyTimeoutSeconds }) => readyTimeoutSeconds)),
    },
    limits: {
      memoryMiB: sum(all.map(({ memoryMiB }) => memoryMiB)),
      processes: sum(all.map(({ processes }) => processes)),
      // One without a limit may take what the others leave.
      cpus: cpus.length === all.length ? sum(cpus) : undefined,
    },
    stopGraceSeconds: longest(all.map(({ stopGraceSeconds }) => stopGraceSeconds)),
  };
}

/** What the launcher runs of a role: what comes before it, itself, and its health check. */
function roleFiles(role: string, { command, health, isStandIn }: RoleProgram): ContainerFile[] {
  const before = whatComesBefore(role, isStandIn);
  const start = `export THOTH_LETTA_ROLE=${role}\nexec ${words(command)}\n`;
  const file = (ending: string, content: string) => ({ path: `${folder}/roles/${role}${ending}`, content });
  return [
    ...(before === undefined ? [] : [file(".before.sh", `until ${before}; do sleep 0.5; done\n`)]),
    file(".sh", start),
    file(".health.sh", role === "api" ? apiHealth + check(health) : check(health)),
  ];
}

const apiHealth = `[ -e ${toolsAreRead} ] || {
  echo "waits until Letta has read the MCP server's tools: make thoth-start"
  exit 1
}
`;

/** A test that passes once a role may start; undefined where it may at once. */
function whatComesBefore(role: string, isStandIn: boolean): string | undefined {
  if (role === "api") return `[ -e ${toolsAreRead} ]`;
  // Of Thoth's programs, only the MCP server and the API create the tables that all of them read.
  return role === "mcp" || isStandIn ? undefined : `${roleCheck("mcp").join(" ")} >/dev/null 2>&1`;
}

const words = (command: readonly string[]) => command.map(quoted).join(" ");

/** A check as Docker takes it, for a shell. */
function check([kind, ...command]: readonly string[]): string {
  return kind === "CMD-SHELL" ? `${command[0]}\n` : `exec ${words(command)}\n`;
}
