import { convergingProvider, haveSame } from "../lib/converging-provider.ts";
import { docker, dockerOutput, inspectContainer, readOnlyRoot, runOnce } from "../lib/docker/engine.ts";
import { UserError } from "../lib/errors.ts";

/** Inputs of the VolumeFile resource. */
export interface VolumeFileInputs {
  /** Docker name of the volume. */
  readonly volume: string;
  /** The file's name in the volume. */
  readonly file: string;
  readonly content: string;
  /** `uid:gid` of the only reader. */
  readonly owner: string;
  /** An image with a shell that writes it: the reader's own, so that no other is needed. */
  readonly image: string;
  /** Docker name of the reader, which is told of a change while it runs. */
  readonly container: string;
  /** What the reader runs to read it again; empty: it looks by itself. */
  readonly reload: string[];
}

/** Written beside and moved: a reader sees the old one or the new one. */
const script = 'umask 077; cat >"/volume/.$1.new" && chown "$2" "/volume/.$1.new" && mv "/volume/.$1.new" "/volume/$1"';

/**
 * A file in a volume that can change while its reader runs, which files put into a container at its start cannot: a
 * change of those replaces the container.
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
  await tellReader(inputs);
}

async function tellReader({ container, reload }: VolumeFileInputs): Promise<void> {
  if (reload.length === 0 || (await inspectContainer(container))?.State.Status !== "running") return;
  const { exitCode, stdout, stderr } = await docker(["exec", container, ...reload]);
  if (exitCode === 0) return;
  throw new UserError(`${container} does not take its new settings: ${`${stderr}${stdout}`.trim()}`, "make letta-logs");
}
