import { convergingProvider, haveSame } from "../lib/converging-provider.ts";
import { currentVersion, type MigrationInputs, migrate } from "../lib/letta/migrate.ts";

/** The result of a migration. */
interface MigrationResult {
  /** The Alembic revision the database is at. */
  readonly schemaVersion: string;
}

/** Migrates Letta's database in a separate container, before the server of the same image starts. */
const provider = convergingProvider<MigrationInputs, MigrationResult>({
  id: (inputs) => inputs.containerName,
  isCurrent: async (olds, news) =>
    haveSame<MigrationInputs>(olds, news, ["image", "database"]) && (await currentVersion(news)) === olds.schemaVersion,
  ensure: async (inputs) => ({ schemaVersion: await migrate(inputs) }),
});
export default provider;
