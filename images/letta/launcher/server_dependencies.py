"""Waits until the server's credentials exist, its database is migrated and its Redis accepts its login.

If Letta 0.16.8 does not reach Redis at the first attempt, it keeps a no-op client for the life of the process, without locks
or background runs, and still reports itself healthy (letta/data_sources/redis_client.py, get_redis_client).
"""

import asyncio
import os

from server_credentials import NoCredentials, credentials

POLL_SECONDS = 0.1
REPORT_SECONDS = 10


def wanted_schema() -> str:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(Config("alembic.ini")).get_current_head()


def credentials_problem() -> str | None:
    try:
        credentials.read()
    except NoCredentials as problem:
        return str(problem)
    return None


async def database_problem(uri: str, wanted: str) -> str | None:
    import asyncpg

    try:
        connection = await asyncpg.connect(uri, ssl="require", timeout=5)
    except Exception as error:
        return f"Postgres: {type(error).__name__}: {error}"
    try:
        version = await connection.fetchval("select version_num from alembic_version")
    except asyncpg.UndefinedTableError:
        return "Postgres: the schema is not migrated yet"
    finally:
        await connection.close()
    return None if version == wanted else f"Postgres: the schema is at {version}, this image needs {wanted}"


async def redis_problem(host: str, port: int) -> str | None:
    from redis.asyncio import Redis

    client = Redis(host=host, port=port, socket_timeout=5, socket_connect_timeout=5)
    try:
        await client.ping()
    except Exception as error:
        return f"Redis: {type(error).__name__}: {error}"
    finally:
        await client.aclose()
    return None


async def wait_for_dependencies() -> None:
    uri = os.environ["LETTA_PG_URI"]
    host, port = os.environ["LETTA_REDIS_HOST"], int(os.environ["LETTA_REDIS_PORT"])
    wanted = wanted_schema()
    seconds = 0.0
    while problem := credentials_problem() or await database_problem(uri, wanted) or await redis_problem(host, port):
        if seconds % REPORT_SECONDS < POLL_SECONDS:
            print(f"waiting: {problem}", flush=True)
        await asyncio.sleep(POLL_SECONDS)
        seconds += POLL_SECONDS
