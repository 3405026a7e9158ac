import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Collector } from "./collector.ts";
import { paths, ports } from "./contract.ts";
import { listen, RequestCounts } from "./gateway-log.ts";
import { MinuteHistory } from "./history.ts";
import { readBackupNote, readNote } from "./notes.ts";
import { Counter } from "./postgres.ts";
import { pageServer } from "./server.ts";
import { ask, openRequests } from "./services.ts";
import { readSettings } from "./settings.ts";

/** Time between two looks while nobody watches, in milliseconds. */
const lookEvery = 20_000;

const folder = dirname(process.argv[1] ?? "");
const page = (name: string) => readFileSync(join(folder, `${name}.html`), "utf8");
mkdirSync(paths.notes, { recursive: true });

const counter = new Counter();
const requests = new RequestCounts();
const history = new MinuteHistory(join(paths.data, "history.db"));
const collector = new Collector({
  ...{ settings: readSettings, openRequests, requests, history, now: Date.now },
  ...{ backupNote: readBackupNote, note: readNote, ask },
  count: () => counter.count(readSettings()),
});

/** Other containers of the network have no business here: the gateway counts, limits and encrypts. */
const isTrusted = (address: string) =>
  [readSettings().gatewayAddress, "127.0.0.1"].includes(address.replace(/^::ffff:/, ""));
listen(ports.log, isTrusted, (line) => requests.take(line));
const pages = { page: page("page"), login: page("login") };
pageServer({ settings: readSettings, collector, pages, isTrusted }).listen(ports.http, "0.0.0.0", () => {
  console.log(`the status page is served on port ${ports.http}`);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => {
    history.close();
    process.exit(0);
  });
}
void (async () => {
  while (true) {
    await collector.look().catch((error: unknown) => console.error(error));
    await sleep(lookEvery);
  }
})();
