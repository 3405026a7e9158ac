import type { Check } from "./check.ts";
import { backupChecks } from "./checks/backups.ts";
import { engineChecks } from "./checks/engine.ts";
import { lettaChecks } from "./checks/letta.ts";
import { postgresChecks } from "./checks/postgres.ts";
import { serviceChecks } from "./checks/services.ts";
import { thothChecks } from "./checks/thoth.ts";
import { volumeChecks } from "./checks/volumes.ts";

/** Area -> its checks, in the order in which they are shown. */
export const checksByArea: Readonly<Record<string, readonly Check[]>> = {
  "Engine and state": engineChecks,
  Data: volumeChecks,
  Containers: serviceChecks,
  Postgres: postgresChecks,
  "Letta and the gateway": lettaChecks,
  Backups: backupChecks,
  Thoth: thothChecks,
};

/** All checks. */
export const checks: readonly Check[] = Object.values(checksByArea).flat();
