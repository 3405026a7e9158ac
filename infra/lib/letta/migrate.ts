import { readFile } from "node:fs/promises";
import { docker, readOnlyRoot, runOnce } from "../docker/engine.ts";
import { engineError } from "../docker/failures.ts";
import { UserError } from "../errors.ts";
import { withPostgres } from "../postgres/connect.ts";

/** What a migration needs; also the inputs of the Migration resource. */
export interface MigrationInputs {
  readonly image: string;
  readonly containerName: string;
  readonly network: string;
  /** Postgres as the migration's container sees it. */
  readonly databaseUrl: string;
  /** Postgres as this host sees it, to read the schema's version. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
}

const script = new URL("../../../images/letta/launcher/migrate.py", import.meta.url);

/** The Alembic revision of Letta's database, or undefined when it cannot be read. */
export async function currentVersion(inputs: MigrationInputs): Promise<string | undefined> {
  try {
    return await withPostgres(inputs, async (client) => {
      const { rows } = await client.query<{ version_num: string }>("select version_num from alembic_version");
      return rows[0]?.version_num;
    });
  } catch {
    return undefined;
  }
}

/** Runs the migration and returns the schema's version. @throws UserError with the last lines it printed */
export async function migrate(inputs: MigrationInputs): Promise<string> {
  // A killed run leaves its container running. Removing it rolls its transaction back, and the script rebuilds an index that
  // is left invalid.
  await docker(["rm", "--force", inputs.containerName]);
  const { exitCode, stdout, stderr } = await docker(
    [
      ...[
        ...runOnce(),
        ...readOnlyRoot,
        "--name",
        inputs.containerName,
        "--network",
        inputs.network,
        "--env",
        "HOME=/tmp",
      ],
      ...["--entrypoint", "python3", inputs.image, "-c", await readFile(script, "utf8")],
    ],
    { input: `${inputs.databaseUrl}\n` },
  );
  const lines = `${stderr}${stdout}`.trim().split("\n");
  if (exitCode === 0) return (JSON.parse(lines.at(-1) ?? "") as { version: string }).version;
  throw (
    engineError(stderr) ??
    new UserError(
      `${inputs.containerName}: the migration of Letta's database failed, so the server was not started\n` +
        lines
          .slice(-15)
          .map((line) => `    ${line}`)
          .join("\n"),
    )
  );
}
