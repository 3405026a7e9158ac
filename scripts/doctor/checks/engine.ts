import { splitFix } from "../../../infra/lib/errors.ts";
import { formatBytes } from "../../lib/format.ts";
import type { Check, Finding } from "../check.ts";
import type { Patient } from "../patient.ts";

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
  return [{ severity: "error", fix: otherwise, ...splitFix(problem) }];
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
