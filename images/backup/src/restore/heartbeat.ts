import { join } from "node:path";
import type { RowCounts } from "../contract.ts";
import type { Client } from "../postgres.ts";
import { readJson } from "../process/json-file.ts";
import { stamp } from "../process/stamp.ts";
import type { World } from "../world.ts";

/** A moment that was written into the database itself, and what is known of it outside. */
export interface Heartbeat {
  readonly id: number;
  /** ISO 8601. */
  readonly at: string;
  /** Everything committed before it is in the WAL up to here. */
  readonly lsn: string;
  /** Rows written in all databases since Postgres started counting: it changes when somebody writes. */
  readonly activity: string;
  /** The restore point made at that moment, if any. */
  readonly point?: string;
  /** Rows counted just before and just after the restore point. */
  readonly rows?: { readonly before: RowCounts; readonly after: RowCounts };
  isRecoverable: boolean;
}

/** The file of the heartbeats, which also tells a drill about them: that cannot reach the database. */
export const heartbeatFile = ({ paths }: Pick<World, "paths">) => join(paths.status, "heartbeats.json");

/** The heartbeats as the serving process last wrote them, oldest first. */
export async function readHeartbeats(world: Pick<World, "paths">): Promise<Heartbeat[]> {
  return (await readJson<Heartbeat[]>(heartbeatFile(world))) ?? [];
}

/** Names carry their time, so that the name alone tells a restore which backup it needs. */
export function pointName(at: Date): string {
  return `hb_${stamp(at)}`;
}

/** The time in a heartbeat's name; undefined for another name. */
export function pointTime(name: string): Date | undefined {
  const found = /^hb_(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(name);
  if (found === null) return undefined;
  const [, year, month, day, hour, minute, second] = found;
  return new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

/** Makes the table of heartbeats where it does not exist. */
export async function prepareHeartbeats(client: Client): Promise<void> {
  await client.query(`
    create schema if not exists backup;
    create table if not exists backup.heartbeat (
      id bigint generated always as identity primary key,
      at timestamptz not null default clock_timestamp(),
      point text,
      rows jsonb
    )`);
}
