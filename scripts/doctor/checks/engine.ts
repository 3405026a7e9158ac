import { formatBytes } from "../../lib/format.ts";
import type { Check, Finding } from "../check.ts";
import { lettaOf, type Patient } from "../patient.ts";

const dataFolder = "/var/lib/postgresql/data";

/** The Docker engine and what it runs on. */
export const engineChecks: readonly Check[] = [
  {
    id: "engine",
    title: "The Docker engine answers.",
    why: "Every container runs on it.",
    fix: "`make setup`",
    needs: [],
    find: async ({ engineProblem }) => problemAsFinding(engineProblem, "make setup"),
  },
  {
    id: "state",
    title: "The state of both stacks can be read and decrypted.",
    why: "It has the passwords. Without it no command can change the stacks.",
    fix: "`make letta-recover`",
    needs: [],
    find: async ({ stateProblem }) => problemAsFinding(stateProblem, "make letta-recover, if the state is lost"),
  },
  {
    id: "stacks",
    title: "Both stacks were brought up.",
    why: "What was never brought up has no containers.",
    fix: "`make up`",
    needs: ["engine"],
    find: async ({ letta, thoth, stateProblem, stacks }) => {
      if (stateProblem !== undefined) return [];
      const missing = [letta === undefined && stacks.letta, thoth === undefined && stacks.thoth];
      return missing
        .filter((stack) => stack !== false)
        .map((stack) => ({ severity: "error", problem: `stack ${stack} was never brought up`, fix: "make up" }));
    },
  },
  {
    id: "memory",
    title: "The engine has the memory that the containers may use together.",
    why: "The kernel ends a process when memory runs out, and it may be Postgres.",
    fix: "`pulumi config set --path 'thoth-letta:sizes.server.memoryMiB' …`",
    needs: ["engine", "state"],
    find: memory,
  },
  {
    id: "disk",
    title: "The data's file system has room: 10 % and 5 GiB, and inodes.",
    why: "Postgres stops accepting writes on a full disk, and no backup can be made.",
    fix: "`docker system df`, then `docker image prune`",
    needs: ["postgres"],
    find: disk,
  },
  {
    id: "clock",
    title: "The engine's clock is this machine's clock, to 5 s.",
    why: "Restore points, certificates and schedules go by the clock. A virtual machine's clock drifts when the host sleeps.",
    fix: "restart the Docker engine's virtual machine",
    needs: ["postgres"],
    find: clock,
  },
];

function problemAsFinding(problem: string | undefined, otherwise: string): Finding[] {
  if (problem === undefined) return [];
  const [text = "", fix = otherwise] = problem.split(/\n\s*fix: /);
  return [{ severity: "error", problem: text, fix }];
}

async function memory({ deps, containers }: Patient): Promise<Finding[]> {
  const total = Number(await deps.engine.dockerOutput(["info", "--format", "{{.MemTotal}}"]));
  const present = [...containers].filter(([, state]) => state !== undefined).map(([name]) => name);
  const limits = await deps.engine.dockerOutput(["inspect", "--format", "{{.HostConfig.Memory}}", ...present]);
  const sum = limits.split("\n").reduce((bytes, line) => bytes + Number(line), 0);
  if (sum <= total) return [];
  const problem = `the containers may use ${formatBytes(sum)} together; the engine has ${formatBytes(total)}`;
  return [{ severity: "warning", problem, fix: "lower sizes.<service>.memoryMiB in the stack's config, then make up" }];
}

async function disk({ deps, names }: Patient): Promise<Finding[]> {
  const free = async (flag: string) => {
    const text = await deps.engine.dockerOutput(["exec", names.postgres, "df", "-P", flag, dataFolder]);
    const [, total = "0", , left = "0"] = text.trim().split("\n").at(-1)?.split(/\s+/) ?? [];
    return { total: Number(total), left: Number(left) };
  };
  const [bytes, inodes] = await Promise.all([free("-B1"), free("-i")]);
  const fix = "docker system df, then docker image prune, or a larger disk";
  const found: Finding[] = [];
  if (bytes.left < 5 * 2 ** 30 || bytes.left < bytes.total / 10) {
    const problem = `${formatBytes(bytes.left)} of ${formatBytes(bytes.total)} are free where the data is`;
    found.push({ severity: bytes.left < 2 ** 30 ? "error" : "warning", problem, fix });
  }
  // File systems such as btrfs count no inodes.
  if (inodes.total > 0 && inodes.left < inodes.total / 20) {
    found.push({ severity: "warning", problem: `${inodes.left} inodes are free where the data is`, fix });
  }
  return found;
}

async function clock({ deps, names }: Patient): Promise<Finding[]> {
  const before = Date.now();
  const inside = Number(await deps.engine.dockerOutput(["exec", names.postgres, "date", "+%s"])) * 1000;
  const after = Date.now();
  // The answer is cut to a second, and was given between the two.
  const drift = inside < before - 1000 ? before - inside : inside - after;
  if (drift < 5000) return [];
  const problem = `the engine's clock is ${Math.round(drift / 1000)} s away from this machine's`;
  return [
    { severity: "warning", problem, fix: "restart the Docker engine's virtual machine, or start NTP on its host" },
  ];
}

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
