import { askEngine, messageOf, readEngine } from "./api.ts";

/** What a call of the Docker CLI, or a command in a container, gave. */
export interface DockerResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command in a container, like `docker exec` without input. */
export async function execIn(
  name: string,
  command: readonly string[],
  { timeoutSeconds }: { readonly timeoutSeconds: number },
): Promise<DockerResult> {
  const wanted = { AttachStdout: true, AttachStderr: true, Cmd: command };
  const made = await askEngine("POST", `/containers/${encodeURIComponent(name)}/exec`, {
    body: wanted,
    timeoutSeconds,
  });
  if (made.status >= 400) return { exitCode: 1, stdout: "", stderr: messageOf(made) };
  const { Id: id } = JSON.parse(made.body.toString()) as { Id: string };
  const body = { Detach: false, Tty: false };
  const output = await askEngine("POST", `/exec/${id}/start`, { body, timeoutSeconds });
  if (output.status >= 400) return { exitCode: 126, stdout: "", stderr: messageOf(output) };
  const ended = await readEngine<{ ExitCode: number | null }>(`/exec/${id}/json`, { timeoutSeconds });
  return { exitCode: ended?.ExitCode ?? 1, ...separate(output.body) };
}

/** The two streams, which come in frames: a byte for the stream, three of nothing, four for the length. */
function separate(body: Buffer): Pick<DockerResult, "stdout" | "stderr"> {
  const parts: Record<number, Buffer[]> = { 1: [], 2: [] };
  for (let at = 0; at + 8 <= body.length; ) {
    const end = at + 8 + body.readUInt32BE(at + 4);
    parts[body[at] ?? 1]?.push(body.subarray(at + 8, end));
    at = end;
  }
  const text = (stream: number) => Buffer.concat(parts[stream] ?? []).toString();
  return { stdout: text(1), stderr: text(2) };
}
