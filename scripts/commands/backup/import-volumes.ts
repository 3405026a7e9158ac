import type { Restored } from "../../../infra/containers/backup/src/restore.ts";
import type { lettaNames } from "../../../infra/lib/names.ts";
import { callAgent } from "../../lib/agent.ts";
import { withProgress } from "../../lib/agent-progress.ts";
import { type AgentSite, oneOff } from "../../lib/agent-stack.ts";
import type { Deps } from "../../lib/deps.ts";
import { requireSound } from "../restore/sound.ts";

type Volumes = ReturnType<typeof lettaNames>["volumes"];

/** Makes the new stack's volumes, and fills them from the archive: backups, then the cluster, then Letta's files. */
export async function fillVolumes(deps: Deps, site: AgentSite, names: Volumes, archive: string): Promise<void> {
  for (const container of ["import", "restore", "files"]) {
    await deps.engine.docker(["rm", "--force", `${site.prefix}-${container}`]);
  }
  for (const volume of [names.backup, names.postgres, names.home, names.data]) {
    await deps.engine.dockerOutput(["volume", "create", volume]);
  }
  const unpacking = oneOff(site, { name: "import", args: ["import"], writesRepository: true, inputFile: archive });
  await withProgress(deps, { id: "import", title: "Unpacking the backups" }, (report) =>
    callAgent(deps, unpacking, report),
  );
  const restoring = oneOff(site, { name: "restore", args: ["restore", "--target", "latest"], cluster: names.postgres });
  const restored = await withProgress(
    deps,
    { id: "restore", title: `Restore into volume ${names.postgres}` },
    (report) => callAgent<Restored>(deps, restoring, report),
  );
  requireSound(deps, restored);
  const stored = await callAgent<{ name: string }[]>(deps, oneOff(site, { name: "files", args: ["ls"] }));
  for (const [folder, volume] of [
    ["letta-home", names.home],
    ["letta-data", names.data],
  ] as const) {
    const newest = stored
      .map(({ name }) => name)
      .filter((name) => name.startsWith(`${folder}/`))
      .sort()
      .at(-1);
    if (newest !== undefined) await unpackFiles(deps, site, newest, volume);
  }
}

async function unpackFiles(deps: Deps, site: AgentSite, name: string, volume: string): Promise<void> {
  const target = "/target";
  const script = `tar --extract --zstd --numeric-owner --preserve-permissions --directory ${target}`;
  const consumer = {
    name: "tar",
    docker: [
      ...["run", "--rm", "-i", "--network", "none", "--volume", `${volume}:${target}`],
      ...["--entrypoint", "sh", site.image, "-c", script],
    ],
  };
  await withProgress(deps, { id: "files", title: `Files of volume ${volume}` }, (report) =>
    callAgent(deps, { ...oneOff(site, { name: "files", args: ["get", name] }), consumer }, report),
  );
}
