/**
 * What projects add to the duration of an update: one project compared with a hundred.
 *
 * Runs on a separate stack and prints the Markdown table of docs/figures.md.
 */
import { succeeded } from "../support/stacks.ts";
import { median, printHead, secondsOf, show, withProject } from "./figures.ts";

const rounds = 5;
const many = 100;

await withProject({}, async (project) => {
  const up = () => project.up(project.letta);
  const upAgain = async () => {
    const seconds: number[] = [];
    for (let round = 0; round < rounds; round++) seconds.push(await secondsOf(up));
    return seconds;
  };
  await up();
  const one = await upAgain();
  const containers = JSON.stringify(await project.containers(project.letta));
  const others = Array.from({ length: many - 1 }, (_, index) => `project_${index + 2}`);
  project.configure(project.letta, { projects: ["thoth", ...others] });
  const added = await secondsOf(up);
  const hundred = await upAgain();
  const add = ["letta", "projects", "add", "another"];
  const another = await secondsOf(async () => succeeded(await project.command(add)));
  const same = JSON.stringify(await project.containers(project.letta)) === containers;
  printHead(`median of ${rounds}`, "", "seconds", "with one project", "ratio");
  const ratio = (median(hundred) / median(one)).toFixed(2);
  console.log(`| nothing to do, with ${many} projects | ${show(hundred)} | ${show(one)} | ${ratio} |`);
  console.log(`| ${many - 1} projects added in one update | ${added.toFixed(1)} | | |`);
  console.log(`| one more added, the whole command | ${another.toFixed(1)} | | |`);
  console.log(`\ncontainers that were restarted or replaced: ${same ? "none" : "some"}`);
});
