import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { chain, type Stage } from "../run.ts";

/** The stage that decompresses. */
export const decompress: Stage = ["zstd", ["--quiet", "--decompress", "--stdout"]];

/**
 * Several stages as one, with the kernel's own pipes between them: through this process, a cluster's bytes would cost about
 * as much processor time as compressing them.
 */
export function piped(...stages: readonly Stage[]): Stage {
  const script = stages.map(([file, args]) => [file, ...args].map(quoted).join(" ")).join(" | ");
  // The repository is on a disk of this host: rclone's own reading ahead would double what reading costs.
  const env = Object.assign({ RCLONE_BUFFER_SIZE: "0" }, ...stages.map(([, , options]) => options?.env));
  return ["bash", ["-o", "pipefail", "-c", script], { env }];
}

/** What a stage puts out, to the byte. @throws BackupError when it fails */
export async function textOf(stage: Stage): Promise<string> {
  const sink = new PassThrough();
  const [all] = await Promise.all([text(sink), chain([stage], { sink })]);
  return all;
}

function quoted(argument: string): string {
  return `'${argument.replaceAll("'", `'\\''`)}'`;
}
