import { dockerOutput } from "../../infra/lib/docker/engine.ts";

/**
 * Kills a container's first process from outside, as the kernel does when memory is short. Not by `docker kill`, which the
 * engine takes for a wish of the operator's: it would not restart the container.
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
