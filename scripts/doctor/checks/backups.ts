import type { BackupStatus } from "../../../images/backup/src/contract.ts";
import { formatDuration } from "../../lib/format.ts";
import type { Check, Finding } from "../check.ts";
import { lettaOf, type Patient } from "../patient.ts";

/** Longest loss window, in seconds, that needs nobody. */
const lossLimit = 300;
/** Oldest last backup, in hours: two runs of the default schedule. */
const ageLimit = 48;

/** The backups of a letta stack. */
export const backupChecks: readonly Check[] = [
  {
    id: "backups",
    title: "Backups are made, archived, read back and drilled without a problem.",
    why: "A backup that cannot be restored is found out when it is needed.",
    fix: "`make letta-logs`, `make backup`, `make drill`",
    needs: ["state", "backup"],
    find: (patient) => ofStatus(patient, ({ problems }) => problems.map((problem) => error(problem, "make backup"))),
  },
  {
    id: "backups-enabled",
    title: "Backups are turned on.",
    why: "Without them a lost volume is lost data.",
    fix: "`pulumi config set --path 'thoth-letta:backup.enabled' true`, then `make letta-start`",
    needs: ["state"],
    find: async (patient) =>
      lettaOf(patient).backup.enabled
        ? []
        : [
            warning(
              "backups are off",
              "pulumi config set --path 'thoth-letta:backup.enabled' true, then make letta-start",
            ),
          ],
  },
  {
    id: "backup-age",
    title: `The last backup is less than ${ageLimit} h old, and less than ${lossLimit / 60} min of writes are not archived.`,
    why: "What is not in the backups goes with the disk.",
    fix: "`make backup`",
    needs: ["state", "backup"],
    find: (patient) => ofStatus(patient, age),
  },
  {
    id: "off-site",
    title: "There is a copy of the backups on another host.",
    why: "A lost disk takes the data and the backups on it.",
    fix: "docs/operations.md, An off-site copy",
    needs: ["state", "backup"],
    find: (patient) => ofStatus(patient, offsite),
  },
];

const error = (problem: string, fix: string): Finding => ({ severity: "error", problem, fix });
const warning = (problem: string, fix: string): Finding => ({ severity: "warning", problem, fix });

async function ofStatus(patient: Patient, find: (status: BackupStatus) => Finding[]): Promise<Finding[]> {
  const state = await patient.backup();
  if (state === null) return [error("the backup agent does not answer", "make letta-logs")];
  return typeof state === "string" ? [] : find(state);
}

function age({ lastBackup, lossSeconds }: BackupStatus): Finding[] {
  const seconds = lastBackup === null ? 0 : (Date.now() - Date.parse(lastBackup.at)) / 1000;
  return [
    ...(seconds > ageLimit * 3600 ? [warning(`the last backup is ${formatDuration(seconds)} old`, "make backup")] : []),
    ...((lossSeconds ?? 0) > lossLimit
      ? [error(`the writes of the last ${formatDuration(lossSeconds ?? 0)} are not archived`, "make letta-logs")]
      : []),
  ];
}

function offsite({ offsite: { configured } }: BackupStatus): Finding[] {
  if (configured) return [];
  return [warning("all backups are on the disk of the data", "docs/operations.md, An off-site copy")];
}
