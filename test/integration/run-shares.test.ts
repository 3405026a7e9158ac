import { beforeAll, expect, test } from "vitest";
import { dockerOutput } from "../../infra/lib/docker/engine.ts";
import { readImageFile } from "../../infra/lib/image-files.ts";
import { presentImage } from "../support/stacks.ts";

/** Who begins when, in the launcher's own Python, with a clock and looks at the process that the cases make up. */
const cases = `
import json

kept = []

class Case:
    def __init__(self):
        kept.append(self)
        self.now, self.begun, self.refused, self.tasks = 0.0, [], [], []
        self.shares = Shares(clock=lambda: self.now)
        self.shares.watch = lambda: asyncio.sleep(3600)
    async def ask(self, *projects, most=MOST_RUNS):
        for project in projects:
            self.tasks.append(asyncio.ensure_future(self.run(project, most, asyncio.Event())))
            await asyncio.sleep(0)
    async def run(self, project, most, over):
        try:
            async with self.shares.turn(project, most):
                self.begun.append(project)
                self.over = over
                await over.wait()
        except TooMany as too_many:
            self.refused.append(too_many.seconds)
    async def look(self, count, keeps_up=True):
        for _ in range(count):
            self.now += 0.1
            self.shares.look(keeps_up)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
    def told(self):
        return "".join(self.begun)

async def alone_and_idle():
    case = Case()
    await case.ask(*"aaa")
    at_once = case.told()
    await case.look(2)
    return [at_once, case.told()]

async def alone_and_busy():
    case = Case()
    await case.ask(*"aaa")
    await case.look(40, keeps_up=False)
    busy = case.told()
    await case.look(20, keeps_up=False)
    return [busy, case.told()]

async def beside_another():
    case = Case()
    await case.ask(*"aaaaabb")
    await case.look(1, keeps_up=False)
    busy = case.told()
    await case.look(3)
    return [busy, case.told()]

async def one_after_the_other():
    case = Case()
    for _ in range(3):
        await case.ask("a")
        case.over.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    return case.told()

async def too_many():
    case = Case()
    await case.ask(*["a"] * 101, most=100)
    # One begins every tenth of a second.
    await case.look(50)
    await case.ask("a", most=100)
    return case.refused

async def gone():
    case = Case()
    await case.ask(*"aab")
    # b would be next.
    case.tasks[2].cancel()
    await case.look(2)
    return [case.told(), dict(case.shares.running), dict(case.shares.waiting)]

async def main():
    asked = (alone_and_idle, alone_and_busy, beside_another, one_after_the_other, too_many, gone)
    print(json.dumps({case.__name__: await case() for case in asked}))
    # What still runs in the cases ends with the process.
    os._exit(0)

import os, sys
sys.stdout.reconfigure(line_buffering=True)
asyncio.run(main())
`;

let told: Record<string, unknown>;

beforeAll(async () => {
  const python = [
    "run",
    "--rm",
    "--interactive",
    "--network",
    "none",
    "--entrypoint",
    "python3",
    presentImage("letta"),
  ];
  const input = `${readImageFile("letta/launcher/run_shares.py")}\n${cases}`;
  told = JSON.parse(await dockerOutput([...python, "-"], { input })) as Record<string, unknown>;
});

test("a project alone in an idle process begins one run at each look", () => {
  expect(told.alone_and_idle).toEqual(["a", "aaa"]);
});

test("in a busy process it waits, and after five seconds the next one begins anyway", () => {
  expect(told.alone_and_busy).toEqual(["a", "aa"]);
});

test("a project without a run in progress is next, even in a busy process; then the project with the fewest", () => {
  expect(told.beside_another).toEqual(["ab", "ababa"]);
});

test("runs one after the other wait for nothing", () => {
  expect(told.one_after_the_other).toBe("aaa");
});

test("more than a project may have are refused with the time that its queue takes", () => {
  expect(told.too_many).toEqual([1, 5]);
});

test("a client that goes away gives up its place", () => {
  expect(told.gone).toEqual(["aa", { a: 2 }, {}]);
});
