import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** How Go is run. */
export interface GoOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Sees every line as it is printed, and tells progress from what an error would have to show. */
  readonly onLine: (line: string) => "progress" | "message";
}

const linesInError = 20;

/** Runs Go and returns the messages it printed; a failure throws with the last 20 of them. */
export async function runGo(goArguments: readonly string[], { cwd, env, onLine }: GoOptions): Promise<string> {
  const go = spawn("go", goArguments, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  const messages: string[] = [];
  for (const stream of [go.stdout, go.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      if (onLine(line) === "message") messages.push(line);
    });
  }
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    go.on("error", reject);
    go.on("close", (...ended) => resolve(ended));
  });
  if (code !== 0) {
    const ended = signal ? `ended by ${signal}` : `exit code ${code}`;
    throw new Error(`go ${goArguments[0]}: ${ended}\n${messages.slice(-linesInError).join("\n")}`);
  }
  return messages.join("\n");
}
