/**
 * What projects add to the duration of an update: one project compared with a hundred.
 *
 * Runs on a separate stack and prints the Markdown table of docs/figures.md.
 */
import { removeProjectsOf, removeProjectsOnInterrupt } from "../support/engine-objects.ts";
import { makeProject, succeeded } from "../support/stacks.ts";
import { machine, median, secondsOf, show } from "./figures.ts";

const rounds = 5;
const many = 100;

async function main(): Promise<void> {
  removeProjectsOnInterrupt();
  const project = await makeProject({ owner: process.pid });
  const up = () => project.up(project.letta);
  const upAgain = async () => {
    const seconds: number[] = [];
    for (let round = 0; round < rounds; round++) seconds.push(await secondsOf(up));
    return seconds;
  };
  try {
    await up();
    const one = await upAgain();
    const containers = JSON.stringify(await project.containers(project.letta));
    const others = Array.from({ length: many - 1 }, (_, index) => `project_${index + 2}`);
    project.configure(project.letta, { projects: ["thoth", ...others] });
    const added = await secondsOf(up);
    const hundred = await upAgain();
    const another = await secondsOf(async () =>
      succeeded(await project.command(["letta", "projects", "add", "another"])),
    );
    const same = JSON.stringify(await project.containers(project.letta)) === containers;
    console.log(`${machine()}; median of ${rounds} (minimum to maximum)\n`);
    console.log("| | seconds | with one project | ratio |\n|---|---|---|---|");
    const ratio = (median(hundred) / median(one)).toFixed(2);
    console.log(`| nothing to do, with ${many} projects | ${show(hundred)} | ${show(one)} | ${ratio} |`);
    console.log(`| ${many - 1} projects added in one update | ${added.toFixed(1)} | | |`);
    console.log(`| one more added, the whole command | ${another.toFixed(1)} | | |`);
    console.log(`\ncontainers that were restarted or replaced: ${same ? "none" : "some"}`);
  } finally {
    removeProjectsOf(process.pid);
  }
}

await main();
