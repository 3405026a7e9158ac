import { rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { dayMinutes, type History } from "./contract.ts";

/** What was measured in each minute of the last day, in a file that does not grow beyond that. */
export class MinuteHistory {
  readonly #database: DatabaseSync;

  /** A file that cannot be read is started again: it holds nothing that is needed. */
  constructor(file: string) {
    try {
      this.#database = open(file);
    } catch {
      for (const part of [file, `${file}-journal`]) rmSync(part, { force: true });
      this.#database = open(file);
    }
  }

  /** Keeps the values of a minute, series -> value, and forgets what is older than a day. */
  record(minute: number, values: Readonly<Record<string, number>>): void {
    const insert = this.#database.prepare("insert or replace into sample values (?, ?, ?)");
    this.#database.exec("begin");
    for (const [series, value] of Object.entries(values)) insert.run(series, minute, value);
    this.#database.prepare("delete from sample where minute <= ?").run(minute - dayMinutes);
    this.#database.exec("commit");
  }

  /** What was recorded after a minute. */
  since(minute: number): History {
    const history: Record<string, [number, number][]> = {};
    const rows = this.#database.prepare("select * from sample where minute > ? order by series, minute").all(minute);
    for (const { series, minute: at, value } of rows) {
      history[String(series)] ??= [];
      history[String(series)]?.push([Number(at), Number(value)]);
    }
    return history;
  }

  /** The last minute in which a series was above zero; undefined when there was none in a day. */
  lastOf(series: string): number | undefined {
    const found = this.#database
      .prepare("select max(minute) as at from sample where series = ? and value > 0")
      .get(series);
    return typeof found?.at === "number" ? found.at : undefined;
  }

  close(): void {
    this.#database.close();
  }
}

function open(file: string): DatabaseSync {
  const database = new DatabaseSync(file);
  // A lost minute is no loss, and an idle disk may sleep.
  database.exec("pragma synchronous = off; pragma cache_size = -512");
  database.exec(
    "create table if not exists sample (series text, minute integer, value real, primary key (series, minute)) strict, without rowid",
  );
  return database;
}
