import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { BackupEvent, Report } from "../../../images/backup/src/contract.ts";
import { type Handlers, sendControl, serveControl, whileHeld } from "../../../images/backup/src/control.ts";
import { BackupError } from "../../../images/backup/src/errors.ts";
import { silent } from "../../support/fake-world.ts";
import { temporaryFolder } from "../../support/temporary.ts";

async function serving(handlers: Handlers): Promise<string> {
  const socket = join(temporaryFolder(), "control.sock");
  const server = await serveControl(socket, handlers);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return socket;
}

const send = (socket: string, command: string, report: Report = silent) =>
  sendControl(socket, { command, options: { type: "full" } }, report);

test("a command's events reach the client, and its result or error ends them", async () => {
  const socket = await serving({
    now: async ({ type }, report) => {
      report({ event: "step", title: `${type} backup` });
      return { label: "1F" };
    },
    verify: () => Promise.reject(new BackupError("it is damaged", "make backup TYPE=full")),
  });
  const events: BackupEvent[] = [];
  const result = { event: "result", value: { label: "1F" } };
  expect(await send(socket, "now", (event) => events.push(event))).toEqual(result);
  expect(events).toEqual([{ event: "step", title: "full backup" }]);
  const error = { event: "error", problem: "it is damaged", fix: "make backup TYPE=full" };
  expect(await send(socket, "verify")).toEqual(error);
  expect(await send(socket, "dance")).toMatchObject({ problem: "this container does not take the command dance" });
});

test("where nobody serves, a command says so", async () => {
  const socket = join(temporaryFolder(), "control.sock");
  await expect(send(socket, "now")).rejects.toThrow("the backup agent does not answer in this container");
  const work = () => Promise.reject(new Error("must not begin"));
  await expect(whileHeld(socket, silent, work)).rejects.toThrow("the backup agent does not answer in this container");
});

test("a hold lasts as long as its work, which does not begin on any other event", async () => {
  const released = Promise.withResolvers<void>();
  const mayHold = Promise.withResolvers<void>();
  let isHeld = false;
  const socket = await serving({
    hold: async (_, report, closed) => {
      report({ event: "log", line: "not yet" });
      await mayHold.promise;
      isHeld = true;
      report({ event: "held" });
      await closed;
      released.resolve();
      return {};
    },
  });
  const lines: BackupEvent[] = [];
  const report = (event: BackupEvent) => {
    lines.push(event);
    mayHold.resolve();
  };
  expect(await whileHeld(socket, report, async () => isHeld)).toBe(true);
  expect(lines).toEqual([{ event: "log", line: "not yet" }]);
  await released.promise;
});

test("a refused hold, or one that is lost, fails the work", async () => {
  const refusing = await serving({
    hold: () => Promise.reject(new BackupError("the disk is full")),
  });
  await expect(whileHeld(refusing, silent, async () => "exported")).rejects.toThrow("the disk is full");
  const losing = await serving({
    hold: async (_, report) => {
      report({ event: "held" });
      return {};
    },
  });
  const endless = () => new Promise(() => {});
  await expect(whileHeld(losing, silent, endless)).rejects.toThrow("released its repository too early");
});
