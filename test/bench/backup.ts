/**
 * What a backup and a restore take beside Postgres' own tools, and what a backup costs those who use the database meanwhile.
 *
 * Runs on a letta stack of its own. Prints tables in Markdown, which is what docs/figures.md shows. The database is 2 GB:
 * pgbench's tables, which compress well, and as much of random text, which does not.
 */
import { docker, dockerOutput } from "../../infra/lib/docker.ts";
import { removeProjectsOf, removeProjectsOnInterrupt } from "../support/engine-objects.ts";
import { makeProject, type TestProject } from "../support/stacks.ts";
import { machine, median, secondsOf, show } from "./figures.ts";

const rounds = 3;
const socket = "/var/lib/postgresql/data/run";

interface Round {
  readonly name: string;
  readonly ours: number[];
  readonly peer: number[];
}

async function main(): Promise<void> {
  removeProjectsOnInterrupt();
  try {
    const project = await makeProject({ owner: process.pid, letta: { backup: { drillOnStart: false } } });
    await project.up(project.letta);
    const bench = new Bench(project);
    await bench.fill();
    print(await bench.backups(), await bench.restores(), await bench.cost());
  } finally {
    removeProjectsOf(process.pid);
  }
}

class Bench {
  readonly #project: TestProject;
  readonly #prefix: string;

  constructor(project: TestProject) {
    this.#project = project;
    this.#prefix = project.letta;
  }

  async fill(): Promise<void> {
    await this.#project.psql("create database bench");
    await this.#inPostgres("pgbench --initialize --scale=65 --quiet --username=postgres bench");
    await this.#project.psql(
      `create table noise as select n, string_agg(md5(random()::text), '') as text
       from generate_series(1, 1500000) as n, generate_series(1, 20) as part group by n`,
      "bench",
    );
    await this.#project.psql("checkpoint");
  }

  /** A full backup, compressed and encrypted, beside a plain copy by pg_basebackup into the same volume; in turns. */
  async backups(): Promise<Round> {
    const [ours, peer]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      peer.push(await secondsOf(() => this.#baseBackup()));
      await this.#inAgent("rm -rf /var/lib/backup/raw");
      ours.push(await secondsOf(() => this.#inAgent("backup now --type full")));
    }
    return { name: "full backup of 2 GB", ours, peer };
  }

  /** Fetch and replay, beside a plain copy of a plain backup and the replay of its WAL; in turns. */
  async restores(): Promise<Round> {
    await this.#baseBackup();
    const [ours, peer]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      peer.push(await this.#withVolume((volume) => secondsOf(() => this.#copyAndReplay(volume))));
      ours.push(await this.#withVolume((volume) => this.#restore(volume)));
    }
    await this.#inAgent("rm -rf /var/lib/backup/raw");
    return { name: "restore of 2 GB, without its checks", ours, peer };
  }

  /** Transactions per second without and with a scheduled full backup, in turns. */
  async cost(): Promise<Round> {
    const [ours, peer]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      peer.push(await this.#transactions());
      const backup = this.#inAgent("backup now --type full --pace gentle");
      ours.push(await this.#transactions());
      await backup;
    }
    return { name: "pgbench, transactions per second", ours, peer };
  }

  async #transactions(): Promise<number> {
    const printed = await this.#inPostgres("pgbench --client=4 --jobs=2 --time=40 --username=postgres bench");
    return Number(/tps = ([0-9.]+)/.exec(printed)?.[1]);
  }

  #baseBackup(): Promise<string> {
    const copy = `pg_basebackup --host=${socket} --username=postgres --pgdata=/var/lib/backup/raw --checkpoint=fast`;
    return this.#inAgent(`setpriv --reuid=999 --regid=999 --clear-groups ${copy}`);
  }

  async #copyAndReplay(volume: string): Promise<void> {
    const replay =
      "pg_ctl --pgdata=/to/pgdata --wait --silent --options='-c listen_addresses= -c unix_socket_directories=/tmp' start";
    const script = `cp -a /from/raw /to/pgdata && sync -f /to && setpriv --reuid=999 --regid=999 --clear-groups ${replay}`;
    const mounts = ["-v", `${this.#prefix}-backup:/from:ro`, "-v", `${volume}:/to`];
    await dockerOutput([
      "run",
      "--rm",
      "--network",
      "none",
      ...mounts,
      "--entrypoint",
      "sh",
      await this.#image(),
      "-c",
      script,
    ]);
  }

  /** Its own account of fetching and replaying: the checks after it have no counterpart in a plain copy. */
  async #restore(volume: string): Promise<number> {
    const settings = JSON.stringify(JSON.parse(await this.#inAgent("cat /run/thoth-letta/backup.json")));
    const mounts = ["-v", `${this.#prefix}-backup:/var/lib/backup:ro`, "-v", `${volume}:/var/lib/postgresql/data`];
    const command = ["backup", "--settings", "-", "restore", "--target", "latest"];
    const run = ["run", "--rm", "-i", "--network", "none", ...mounts, await this.#image(), ...command];
    const { stdout } = await docker(run, { input: `${settings}\n` });
    const last = JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}");
    if (last.event !== "result") throw new Error(stdout);
    return last.value.restoreSeconds + last.value.replaySeconds;
  }

  async #withVolume<Result>(work: (volume: string) => Promise<Result>): Promise<Result> {
    const volume = `${this.#prefix}-restored`;
    try {
      return await work(volume);
    } finally {
      await docker(["volume", "rm", "--force", volume]);
    }
  }

  async #image(): Promise<string> {
    return (await dockerOutput(["inspect", "--format", "{{.Config.Image}}", `${this.#prefix}-backup`])).trim();
  }

  #inAgent(command: string): Promise<string> {
    return dockerOutput(["exec", `${this.#prefix}-backup`, "sh", "-c", command]);
  }

  #inPostgres(command: string): Promise<string> {
    return dockerOutput(["exec", `${this.#prefix}-postgres`, "sh", "-c", command]);
  }
}

function print(backup: Round, restore: Round, cost: Round): void {
  console.log(`\n${machine()}; median of ${rounds} rounds (least to most)\n`);
  console.log("| | seconds | Postgres' own tools | throughput, ratio |\n|---|---|---|---|");
  for (const { name, ours, peer } of [backup, restore]) {
    console.log(`| ${name} | ${show(ours)} | ${show(peer)} | ${(median(peer) / median(ours)).toFixed(2)} |`);
  }
  console.log("\n| | while a backup runs | without | ratio |\n|---|---|---|---|");
  const ratio = (median(cost.ours) / median(cost.peer)).toFixed(2);
  console.log(`| ${cost.name} | ${show(cost.ours, 0)} | ${show(cost.peer, 0)} | ${ratio} |`);
}

await main();
