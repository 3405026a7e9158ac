/**
 * How long backups and restores take compared with Postgres' own tools, and how much a backup slows pgbench down.
 *
 * Runs on a separate letta stack and prints the Markdown tables of docs/figures.md. The database is 2 GB: half pgbench
 * tables, which compress well, half random text, which does not.
 *
 *     node test/bench/backup.ts [backup] [restore] [cost]      # default: all of them
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { docker, dockerOutput } from "../../infra/lib/docker/engine.ts";
import type { TestProject } from "../support/stacks.ts";
import { alternating, inPairs, type Pairs, printHead, ratios, secondsOf, show, withProject } from "./figures.ts";

const socket = "/var/lib/postgresql/data/run";
const quietSeconds = 10;

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
    // Behind what a new stack does by itself.
    await this.#inAgent("backup now --type full");
  }

  /** A full backup, compressed and encrypted, next to a plain copy by pg_basebackup into the same volume. */
  backups(): Promise<Pairs> {
    const ours = () => secondsOf(() => this.#inAgent("backup now --type full"));
    return inPairs(ours, async () => {
      const seconds = await secondsOf(() => this.#baseBackup());
      await this.#inAgent("rm -rf /var/lib/backup/raw");
      return seconds;
    });
  }

  /** Fetch and replay, next to a plain copy of a plain backup and the replay of its WAL. */
  async restores(): Promise<Pairs> {
    await this.#baseBackup();
    const pairs = await inPairs(
      () => this.#withVolume((volume) => this.#restore(volume)),
      () => this.#withVolume((volume) => secondsOf(() => this.#copyAndReplay(volume))),
    );
    await this.#inAgent("rm -rf /var/lib/backup/raw");
    return pairs;
  }

  /** Transactions per second while a scheduled full backup copies, and in the seconds before it, in one run of pgbench. */
  async cost(): Promise<Pairs> {
    // A gentle backup waits for a checkpoint of the usual length before it copies.
    await this.#project.psql("alter system set checkpoint_timeout = '30s'");
    await this.#project.psql("select pg_reload_conf()");
    const transactions = new Transactions(`${this.#prefix}-postgres`);
    await sleep(quietSeconds * 1000);
    const busy = async () => transactions.during((await this.#startCopying()).ended);
    const pairs = await inPairs(busy, () => transactions.during(sleep(quietSeconds * 1000)));
    await this.#project.psql("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'bench'");
    return pairs;
  }

  /** Resolves when a gentle backup has copied something. */
  async #startCopying(): Promise<{ readonly ended: Promise<unknown> }> {
    const command = ["exec", `${this.#prefix}-backup`, "backup", "now", "--type", "full", "--pace", "gentle"];
    const backup = spawn("docker", command, { stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(backup, "exit");
    for await (const line of createInterface({ input: backup.stdout })) {
      if (JSON.parse(line).event === "progress") break;
    }
    return { ended };
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
    const run = ["run", "--rm", "--network", "none", ...mounts, "--entrypoint", "sh", await this.#image()];
    await dockerOutput([...run, "-c", script]);
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

/** A pgbench that runs until its connections are ended, and what it does in each second. */
class Transactions {
  readonly #seconds: number[] = [];

  constructor(container: string) {
    const pgbench = "pgbench --client=4 --jobs=2 --time=3600 --progress=1 --username=postgres bench";
    const running = spawn("docker", ["exec", container, "sh", "-c", pgbench], { stdio: ["ignore", "ignore", "pipe"] });
    createInterface({ input: running.stderr }).on("line", (line) => {
      const found = /^progress: .* s, ([0-9.]+) tps/.exec(line);
      if (found !== null) this.#seconds.push(Number(found[1]));
    });
  }

  /** Transactions per second meanwhile; of whole seconds. */
  async during(work: Promise<unknown>): Promise<number> {
    // The second that has begun is not all in it.
    const from = this.#seconds.length + 1;
    await work;
    const seconds = this.#seconds.slice(from);
    if (seconds.length < 2) throw new Error("less than two seconds: nothing can be said");
    return seconds.reduce((sum, each) => sum + each, 0) / seconds.length;
  }
}

const parts = process.argv.slice(2);
const isWanted = (part: string) => parts.length === 0 || parts.includes(part);
const printSeconds = (what: string, { ours, peer }: Pairs) => {
  printHead(alternating, "", "seconds", "Postgres' own tools", "throughput, ratio");
  console.log(`| ${what} | ${show(ours)} | ${show(peer)} | ${show(ratios(peer, ours), 2)} |`);
};

await withProject({ backup: { drillOnStart: false } }, async (project) => {
  await project.up(project.letta);
  const bench = new Bench(project);
  await bench.fill();
  if (isWanted("backup")) printSeconds("full backup of 2 GB", await bench.backups());
  if (isWanted("restore")) printSeconds("restore of 2 GB, without its checks", await bench.restores());
  if (!isWanted("cost")) return;
  const { ours, peer } = await bench.cost();
  printHead(alternating, "", "during a backup", "without", "ratio");
  console.log(
    `| pgbench, transactions per second | ${show(ours, 0)} | ${show(peer, 0)} | ${show(ratios(ours, peer), 2)} |`,
  );
});
