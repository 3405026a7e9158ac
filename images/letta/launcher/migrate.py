"""Migrates Letta's database to the schema of this image, one run at a time.

The database URI comes on standard input: `docker inspect` shows arguments and environment. Letta's alembic/env.py prints
the URI with its password, so all output is filtered.
The last line printed is JSON: {"version": head, "previous": version or null, "repairedIndexes": [...]}.
"""

import asyncio
import json
import os
import re
import sys

import asyncpg

ADVISORY_LOCK = 7_846_002
LOCK_WAIT_SECONDS = 300

INVALID_INDEXES = """
select n.nspname, c.relname
from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
where not i.indisvalid
"""


def quote(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


async def schema_version(connection: asyncpg.Connection) -> str | None:
    if await connection.fetchval("select to_regclass('alembic_version')") is None:
        return None
    return await connection.fetchval("select version_num from alembic_version")


async def repair_invalid_indexes(connection: asyncpg.Connection) -> list[str]:
    """Rebuilds indexes of an interrupted CREATE INDEX CONCURRENTLY, which IF NOT EXISTS would skip the next time."""
    repaired = []
    for schema, index in await connection.fetch(INVALID_INDEXES):
        name = f"{quote(schema)}.{quote(index)}"
        is_leftover_copy = re.search(r"_cc(new|old)\d*$", index)
        await connection.execute(f"{'drop index' if is_leftover_copy else 'reindex index'} concurrently {name}")
        repaired.append(index)
    return repaired


async def run_alembic(uri: str) -> int:
    password = re.search(r"://[^:/@]*:([^@]*)@", uri)
    secret = password.group(1) if password else ""
    process = await asyncio.create_subprocess_exec(
        "alembic", "upgrade", "head",
        env={**os.environ, "LETTA_PG_URI": uri},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )
    async for raw in process.stdout:
        line = re.sub(r"://[^\s@]*@", "://[redacted]@", raw.decode(errors="replace").rstrip())
        print(line.replace(secret, "[redacted]") if secret else line, flush=True)
    return await process.wait()


async def main() -> int:
    uri = sys.stdin.readline().strip()
    connection = await asyncpg.connect(uri, ssl="require", timeout=30)
    try:
        await asyncio.wait_for(connection.execute(f"select pg_advisory_lock({ADVISORY_LOCK})"), LOCK_WAIT_SECONDS)
        previous = await schema_version(connection)
        repaired = await repair_invalid_indexes(connection)
        exit_code = await run_alembic(uri)
        if exit_code != 0:
            print(f"migration failed: alembic exited with {exit_code}; schema is at {await schema_version(connection)}")
            return exit_code
        repaired += await repair_invalid_indexes(connection)
        invalid = await connection.fetch(INVALID_INDEXES)
        if invalid:
            print(f"migration failed: invalid indexes remain: {', '.join(row['relname'] for row in invalid)}")
            return 1
        version = await schema_version(connection)
        print(json.dumps({"version": version, "previous": previous, "repairedIndexes": repaired}))
        return 0
    finally:
        await connection.close()


try:
    sys.exit(asyncio.run(main()))
except TimeoutError:
    print(f"migration failed: another migration held the lock for {LOCK_WAIT_SECONDS} s, or the database did not answer")
    sys.exit(75)
except (OSError, asyncpg.PostgresError) as error:
    print(f"migration failed: {type(error).__name__}: {error}")
    sys.exit(1)
