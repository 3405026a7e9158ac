import type * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { readImageFile } from "../../lib/image-files.ts";
import { secretsWrapper } from "../../lib/names.ts";

/** A file put into the container before it starts. */
export interface ContainerFile {
  readonly path: string;
  readonly content: pulumi.Input<string>;
  /** Octal, default 0444. */
  readonly permissions?: string;
}

/** The arguments of a service about files, secrets and its command. */
interface FileArgs {
  readonly command: string[];
  readonly files?: readonly ContainerFile[];
  readonly secretEnv?: Readonly<Record<string, pulumi.Input<string>>>;
  readonly user?: string;
}

const secretsFile = "/run/thoth-letta/secrets.env";
const withSecrets = readImageFile("with-secrets.sh");

/** Entrypoint and command: the service's, run by the wrapper if it has secrets. */
export function startCommand({ command, secretEnv }: FileArgs): { entrypoints: string[]; command: string[] } {
  if (secretEnv === undefined) return { entrypoints: command.slice(0, 1), command: command.slice(1) };
  return { entrypoints: ["/bin/sh", secretsWrapper], command };
}

/** The files for the container, with the secrets among them. */
export function uploads(args: FileArgs): docker.types.input.ContainerUpload[] {
  const files = (args.files ?? []).map(({ path, content, permissions }) => ({
    file: path,
    content,
    permissions: permissions ?? "0444",
  }));
  if (args.secretEnv === undefined) return files;
  // Uploads belong to root. Docker 20.10 cannot give them to the container's user: it looks up "1000:1000" in the host's
  // passwd. The container has no other user, so that making them readable opens them to nobody else.
  const secretPermissions = args.user === undefined ? "0400" : "0444";
  return [
    { file: secretsWrapper, content: withSecrets, permissions: "0444" },
    { file: secretsFile, content: environmentFile(args.secretEnv), permissions: secretPermissions },
    ...files,
  ];
}

/** The secrets as a file for a POSIX shell to source. */
export function environmentFile(env: Readonly<Record<string, pulumi.Input<string>>>): pulumi.Output<string> {
  const lines = pulumi.all(env).apply((values) =>
    Object.entries(values)
      .map(([key, value]) => `${key}=${quoted(value)}\n`)
      .join(""),
  );
  return pulumi.secret(lines);
}

/** A text as one word of a POSIX shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
