import { UserError } from "../errors.ts";
import { startDocker } from "./api.ts";

/** The error for an engine that cannot be reached, or undefined when the text says something else. */
export function engineError(stderr: string): UserError | undefined {
  if (/permission denied.*docker.*sock|permission denied while trying to connect/i.test(stderr)) {
    return new UserError(
      "the Docker engine's socket refuses this user",
      "add the user to group docker and log in again, or run with sudo",
    );
  }
  if (/cannot connect to the docker daemon|error during connect|is the docker daemon running/i.test(stderr)) {
    return new UserError("the Docker engine does not answer", startDocker);
  }
  return undefined;
}

/** The error of a `docker exec` in a container of a letta stack that does not run, or undefined when the text says something else. */
export function notRunning(container: string, stderr: string): UserError | undefined {
  if (!/no such container|is not running|is restarting/i.test(stderr)) return undefined;
  return new UserError(`container ${container} does not run`, "make letta-start");
}
