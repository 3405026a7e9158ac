import type { Restored } from "../../images/backup/src/contract.ts";
import { agentCapabilities, runOnce } from "../../infra/lib/docker/engine.ts";
import type { lettaNames } from "../../infra/lib/names.ts";
import { callAgent } from "../lib/backup-agent/call.ts";
import { requireSound } from "../lib/backup-agent/results.ts";
import { type AgentSite, oneOff } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import { withProgress } from "../lib/progress.ts";
import type { ImportSource } from "./import-source.ts";

type Volumes = ReturnType<typeof lettaNames>["volumes"];

/** Creates the new stack's volumes and fills them: backups, then the cluster, then Letta's files. */
export async function fillVolumes(
  deps: Deps,
  site: AgentSite,
  names: Volumes,
  { title, fetching }: Pick<ImportSource, "title" | "fetching">,
): Promise<void> {
  for (const container of ["import", "restore", "files"]) {
    await deps.engine.docker(["rm", "--force", `${site.prefix}-${container}`]);
  }
  for (const volume of [names.backup, names.postgres, names.home, names.data]) {
    await deps.engine.dockerOutput(["volume", "create", volume]);
  }
  const filling = oneOff(site, { name: "import", writesRepository: true, ...fetching });
  await withProgress(deps, { id: "import", title }, (report) => callAgent(deps, filling, report));
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
      ...[...runOnce(agentCapabilities), "--network", "none", "--volume", `${volume}:${target}`],
      ...["--entrypoint", "sh", site.image, "-c", script],
    ],
  };
  await withProgress(deps, { id: "files", title: `Files of volume ${volume}` }, (report) =>
    callAgent(deps, { ...oneOff(site, { name: "files", args: ["get", name] }), consumer }, report),
  );
}
