import { expect, test } from "vitest";
import type { BackupEvent, Report } from "../../../images/backup/src/contract.ts";
import { Queue } from "../../../images/backup/src/queue.ts";

const silent: Report = () => {};

test("runs one job at a time in the order they came, and says what a job waits for", async () => {
  const queue = new Queue();
  const gate = Promise.withResolvers<void>();
  const order: string[] = [];
  const events: BackupEvent[] = [];
  const first = queue.add("backup", silent, async () => {
    order.push("backup begins");
    await gate.promise;
    order.push("backup ends");
  });
  await Promise.resolve();
  const second = queue.add(
    "export",
    (event) => events.push(event),
    async () => order.push("export"),
  );
  expect([queue.running, queue.isIdle]).toEqual(["backup", false]);
  gate.resolve();
  await Promise.all([first, second]);
  expect(order).toEqual(["backup begins", "backup ends", "export"]);
  expect(events).toEqual([{ event: "step", title: "waiting for: backup" }]);
  expect([queue.running, queue.isIdle]).toEqual([undefined, true]);
});

test("a job that fails tells its caller, and the next one runs", async () => {
  const queue = new Queue();
  const failing = queue.add("backup", silent, async () => {
    throw new Error("disk full");
  });
  const next = queue.add("expiry", silent, async () => "done");
  await expect(failing).rejects.toThrow("disk full");
  expect(await next).toBe("done");
});
