import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { dockerOutput } from "../../infra/lib/docker/engine.ts";
import { root } from "../../scripts/lib/checkout.ts";
import type { TestProject } from "./stacks.ts";

/** One of a project's commands that can be killed with all it has started, as a machine does that loses its power. */
export function startKillable(project: TestProject, args: readonly string[]) {
  const place = { cwd: project.folder, env: project.environment() };
  const command = [join(root, "scripts/main.ts"), ...args];
  const child = spawn("node", command, { ...place, stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "exit");
  let output = "";
  const keep = (chunk: unknown) => {
    output += String(chunk);
  };
  for (const stream of [child.stdout, child.stderr]) stream.on("data", keep);
  return {
    /** Settles when it has ended, by itself or not. */
    ended,
    /** All that it has said. */
    output: () => output,
    /** @throws with all that it said when it has ended by itself */
    requireRunning(): void {
      if (child.exitCode !== null) throw new Error(`it ended with exit code ${child.exitCode}:\n${output}`);
    },
    async kill(): Promise<void> {
      for (const pid of processTree(child.pid ?? 0)) {
        try {
          process.kill(pid, "SIGKILL");
        } catch {
          // It has ended by itself.
        }
      }
      await ended;
    },
  };
}

/** A process and all its descendants; Pulumi's plugins have separate process groups. */
function processTree(pid: number): number[] {
  const parents = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), parentOf(name)] as const);
  const children = (parent: number): number[] =>
    parents.filter(([, of]) => of === parent).flatMap(([child]) => [child, ...children(child)]);
  return [pid, ...children(pid)];
}

function parentOf(pid: string): number {
  try {
    // The name in brackets may hold spaces and brackets itself.
    return Number(/^.*\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1]);
  } catch {
    return 0;
  }
}

/**
 * Kills a container's first process from outside, as the kernel does when memory is short. Not by `docker kill`, after
 * which the engine does not restart the container.
 */
export async function killFirstProcess(container: string): Promise<void> {
  const format = "{{.State.Pid}} {{.Config.Image}}";
  const [pid = "", image = ""] = (await dockerOutput(["inspect", "--format", format, container])).trim().split(" ");
  await killProcess(pid, image);
}

/** Kills a process by its id on the host; `image` is any that has a shell. */
export async function killProcess(pid: string, image: string): Promise<void> {
  const inHost = ["--rm", "--pid", "host", "--user", "0:0", "--network", "none", "--entrypoint", "sh"];
  await dockerOutput(["run", ...inHost, image, "-c", `kill -9 ${pid}`]);
}
