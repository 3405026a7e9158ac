import { convergingProvider, haveSame } from "../lib/converging-provider.ts";
import { docker, dockerOutput, inspectContainer, readOnlyRoot, runOnce } from "../lib/docker/engine.ts";
import { UserError } from "../lib/errors.ts";
import { retryWhile } from "../lib/until.ts";

/** Inputs of the VolumeFile resource. */
export interface VolumeFileInputs {
  /** Docker name of the volume. */
  readonly volume: string;
  /** The file's name in the volume. */
  readonly file: string;
  readonly content: string;
  /** `uid:gid` of the only reader. */
  readonly owner: string;
  /** An image with a shell, to write the file: the reader's, so that no other is needed. */
  readonly image: string;
  /** Docker name of the reader, which reloads the file when it changes. */
  readonly container: string;
  /** The command that reloads it in the reader; empty: the reader watches the file. */
  readonly reload: string[];
}

/** Written to a second file and moved: a reader sees the old one or the new one. */
const script = 'umask 077; cat >"/volume/.$1.new" && chown "$2" "/volume/.$1.new" && mv "/volume/.$1.new" "/volume/$1"';

/**
 * A file in a volume, which can change while its reader runs. Files uploaded into a container cannot: a change replaces the
 * container.
 */
const provider = convergingProvider<VolumeFileInputs, object>({
  id: ({ volume, file }) => `${volume}/${file}`,
  replaceOn: ["volume", "file"],
  isCurrent: (olds, news) => haveSame(olds, news, ["content", "owner", "container", "reload"]),
  ensure: write,
});
export default provider;

async function write(inputs: VolumeFileInputs): Promise<void> {
  const { volume, file, owner, image, content } = inputs;
  await dockerOutput(
    [
      ...[
        ...runOnce(["CHOWN"]),
        ...readOnlyRoot,
        "--network",
        "none",
        "--user",
        "0:0",
        "--volume",
        `${volume}:/volume`,
      ],
      ...["--entrypoint", "sh", image, "-c", script, "write", file, owner],
    ],
    { input: content },
  );
  await reloadReader(inputs);
}

/** How long the engine may take to end a container that it is stopping, in seconds: the gateway's grace and a bit. */
const stopSeconds = 20;

/** What the engine says when it could not run the command at all, because the container is ending. */
const isEnding = /OCI runtime|is not running|is restarting|no such container/i;

/** A reader that stops, or is replaced by the same update, reads the file when it starts. */
async function reloadReader({ container, reload }: VolumeFileInputs): Promise<void> {
  if (reload.length === 0) return;
  const ask = async () => {
    if ((await inspectContainer(container))?.State.Status !== "running") return;
    const { exitCode, stdout, stderr } = await docker(["exec", container, ...reload]);
    if (exitCode === 0) return;
    throw new UserError(
      `${container} does not accept its new settings: ${`${stderr}${stdout}`.trim()}`,
      "make letta-logs",
    );
  };
  await retryWhile(isEnding, ask, { seconds: stopSeconds, everyMs: 200 });
}
