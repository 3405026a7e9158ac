import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { readImageFile } from "../../../infra/lib/image-files.ts";
import { temporaryFiles } from "../../support/temporary.ts";

/** The launcher of the container with all roles, with small programs as roles. */

/** Role's file -> its shell text, beside the launcher. */
function folderWith(roles: Readonly<Record<string, string>>): string {
  const files = Object.entries(roles).map(([name, text]) => [`roles/${name}.sh`, text]);
  const own = ["all-in-one.sh", "all-in-one-health.sh"].map((name) => [name, readImageFile(name)]);
  return temporaryFiles(Object.fromEntries([...own, ...files]));
}

interface Launched {
  readonly child: ChildProcess;
  readonly folder: string;
  /** What it has printed so far. */
  readonly log: () => string[];
  /** Its exit code, once it has ended. */
  readonly ended: Promise<number | null>;
}

/** Starts roles (name and grace in turn), as the engine would: in a process group of their own. */
function launch(roles: Readonly<Record<string, string>>, ...graces: string[]): Launched {
  const folder = folderWith(roles);
  const child = spawn("sh", [join(folder, "all-in-one.sh"), ...graces], { cwd: "/", detached: true });
  let printed = "";
  child.stdout.on("data", (chunk) => (printed += chunk));
  child.stderr.on("data", (chunk) => (printed += chunk));
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  onTestFinished(() => {
    try {
      process.kill(-Number(child.pid), "SIGKILL");
    } catch {}
  });
  return { child, folder, ended, log: () => printed.split("\n").filter((line) => line !== "") };
}

/** Prints what it does; ends by itself on the stop signal. */
const good = `trap 'echo bye; exit' TERM; echo "up in $PWD"; while :; do sleep 0.05; done`;
const deaf = `trap '' TERM; echo up; while :; do sleep 0.05; done`;
const untilUp = ({ log }: Launched, ...roles: string[]) =>
  vi.waitFor(() => {
    for (const role of roles) expect(log()).toContainEqual(expect.stringMatching(`^${role} \\| up`));
  });

test("every line of a role starts with its name, word for word; the image's folder is where it runs", async () => {
  const launched = launch(
    { api: `printf '%s\\n' '  a \\n b'; echo err >&2; printf 'no end'; ${good}`, mcp: good },
    "api",
    "9",
    "mcp",
    "9",
  );
  await vi.waitFor(() => expect(launched.log()).toContain("mcp | up in /"));
  launched.child.kill("SIGTERM");
  await launched.ended;
  expect(launched.log()).toEqual(expect.arrayContaining(["api |   a \\n b", "api | err", "api | no endup in /"]));
});

test("the stop signal reaches every role, and a role that does not notice it is killed after its grace", async () => {
  const launched = launch({ api: good, mcp: good, discovery: deaf }, "api", "60", "mcp", "60", "discovery", "1");
  await untilUp(launched, "api", "mcp", "discovery");
  launched.child.kill("SIGTERM");
  expect(await launched.ended).toBe(0);
  expect(launched.log()).toEqual(expect.arrayContaining(["api | bye", "mcp | bye"]));
  expect(launched.log().join("\n")).not.toContain("role ended");
});

test("a role that ends takes the container down, with its name and exit code, once the others have ended", async () => {
  const dying = 'echo up; until [ -e "$(dirname "$0")/die" ]; do sleep 0.05; done; echo cause >&2; exit 7';
  const launched = launch({ api: good, monitor: dying }, "api", "60", "monitor", "60");
  await untilUp(launched, "api", "monitor");
  writeFileSync(join(launched.folder, "roles/die"), "");
  expect(await launched.ended).toBe(1);
  const ofMonitor = launched.log().filter((line) => line.startsWith("monitor | "));
  expect(ofMonitor.slice(-2)).toEqual(["monitor | cause", "monitor | role ended with exit code 7: the container ends"]);
  expect(launched.log()).toContain("api | bye");
});

test("a role starts after what comes before it, and a stop does not wait for that", async () => {
  const roles = { api: good, "api.before": 'until [ -e "$(dirname "$0")/open" ]; do sleep 0.05; done', mcp: good };
  const waiting = launch(roles, "api", "60", "mcp", "60");
  await untilUp(waiting, "mcp");
  expect(waiting.log().join()).not.toContain("api | up");
  writeFileSync(join(waiting.folder, "roles/open"), "");
  await untilUp(waiting, "api");
  const stopped = launch(roles, "api", "60", "mcp", "60");
  await untilUp(stopped, "mcp");
  stopped.child.kill("SIGTERM");
  expect(await stopped.ended).toBe(0);
  expect(existsSync(join(stopped.folder, "roles/open"))).toBe(false);
});

test("what a role leaves behind does not keep the container", async () => {
  const launched = launch({ api: `(${deaf}) & ${good}` }, "api", "1");
  await vi.waitFor(() => expect(launched.log()).toContain("api | up in /"));
  launched.child.kill("SIGTERM");
  // With the group: the engine sees its only program go.
  expect(await launched.ended).toBe(null);
});

describe("the health check", () => {
  const check = (...roles: string[]) => {
    const folder = folderWith({
      ...{
        "api.health": "exit 0",
        "mcp.health": "echo trying; echo 'no answer' >&2; exit 1",
        "monitor.health": "exit 3",
      },
    });
    return new Promise<string>((resolve) => {
      execFile("sh", [join(folder, "all-in-one-health.sh"), ...roles], (error, stdout) =>
        resolve(`${error?.code ?? 0} ${stdout}`.trim()),
      );
    });
  };

  test("passes while every role asked for is well", async () => {
    expect(await check("api")).toBe("0");
  });

  test("names every role that is not, with the last word of its check, in one line", async () => {
    const said = await check("api", "mcp", "monitor");
    expect(said.slice(2).split("; ").sort()).toEqual(["mcp: no answer", "monitor: exit code 3"]);
    expect(said).toMatch(/^1 .*$/);
  });
});
