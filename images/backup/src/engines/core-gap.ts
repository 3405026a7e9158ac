import type { EncryptedStore } from "../store.ts";
import type { CoreRecord } from "./core-records.ts";
import { missingOf } from "./core-verify.ts";
import { readWal } from "./core-wal.ts";

/** Segments since a backup that nobody has any more: the newest state cannot be restored from it. */
export async function missingAfter(store: EncryptedStore, record: CoreRecord): Promise<string[]> {
  return missingOf([record], await readWal(store, record));
}

/** Remembers whether WAL is missing after the newest backup, which only another full one fixes. */
export class Gap {
  readonly #store: EncryptedStore;
  readonly #records: () => Promise<readonly CoreRecord[]>;
  #problem: string | null = null;

  constructor(store: EncryptedStore, records: () => Promise<readonly CoreRecord[]>) {
    this.#store = store;
    this.#records = records;
  }

  /** What is missing; null when nothing is. */
  get problem(): string | null {
    return this.#problem;
  }

  /** The sink has just found out. */
  note(): void {
    this.#problem = "WAL is lost, so nothing from now on can be restored before a full backup";
  }

  /** Finds out from what there is. */
  async look(): Promise<void> {
    const last = (await this.#records()).at(-1);
    const [first] = last === undefined ? [] : await missingAfter(this.#store, last);
    this.#problem =
      first === undefined ? null : `segment ${first} is lost, so nothing after it can be restored before a full backup`;
  }
}
