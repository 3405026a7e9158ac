import type { Check, Finding } from "../check.ts";
import { lettaOf, type Patient } from "../patient.ts";

/** Where the data is; a mount of another volume is an empty database. */
export const volumeChecks: readonly Check[] = [
  {
    id: "volumes",
    title: "Each container mounts the volume that its stack has for it.",
    why: "Agents seem to have disappeared when Postgres runs on another volume.",
    fix: "`make letta-start`",
    needs: ["engine", "state"],
    find: mounts,
  },
  {
    id: "other-data",
    title: "A Letta without agents is the only installation on this engine.",
    why: "The agents of an older installation stay in its volume until they are adopted.",
    fix: "`make adopt VOLUME=…`",
    needs: ["postgres", "state"],
    find: otherData,
  },
];

async function mounts(patient: Patient): Promise<Finding[]> {
  const { deps, names, containers } = patient;
  const { volumes } = lettaOf(patient);
  const expected = [
    [names.postgres, volumes.postgres],
    [names.redis, volumes.redis],
    [names.server, volumes.home],
  ].filter(([container = ""]) => containers.get(container) !== undefined);
  const format = '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{end}}{{end}}';
  const found = await Promise.all(
    expected.map(async ([container = "", volume = ""]) => {
      const mounted = (await deps.engine.dockerOutput(["inspect", "--format", format, container])).trim().split(" ");
      const problem = `${container} has volumes ${mounted.join(", ")} mounted, not ${volume}`;
      return mounted.includes(volume) ? [] : [{ severity: "error" as const, problem, fix: "make letta-start" }];
    }),
  );
  return found.flat();
}

async function otherData(patient: Patient): Promise<Finding[]> {
  const { deps, names, rows, containers } = patient;
  const [[agents] = []] = await rows("select count(*) from agents", "letta");
  if (agents !== "0") return [];
  const own = Object.values(names.volumes) as string[];
  const all = (await deps.engine.dockerOutput(["volume", "ls", "--quiet"])).trim().split("\n");
  const candidates = all.filter((name) => /letta|postgres|pgdata/i.test(name) && !own.includes(name));
  const image = containers.get(names.postgres)?.Config.Image ?? "";
  if (candidates.length === 0) return [];
  const flags = candidates.flatMap((name, index) => ["--volume", `${name}:/volumes/${index}:ro`]);
  const script = "cd /volumes && ls -d */PG_VERSION */*/PG_VERSION 2>/dev/null || true";
  const run = [
    "run",
    "--rm",
    "--network",
    "none",
    "--user",
    "0:0",
    ...flags,
    "--entrypoint",
    "sh",
    image,
    "-c",
    script,
  ];
  const listed = await deps.engine.dockerOutput(run);
  const clusters = candidates.filter((_, index) => new RegExp(`^${index}/`, "m").test(listed));
  return clusters.map((name) => ({
    severity: "warning",
    problem: `Letta has no agents, and volume ${name} has a Postgres cluster that this stack does not use`,
    fix: `make adopt VOLUME=${name}, if the agents are in it`,
  }));
}
