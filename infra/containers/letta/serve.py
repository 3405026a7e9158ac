"""Runs Letta's server as PID 1, once its database is migrated and its Redis answers.

Importing the server takes most of its start and needs neither, so it happens while they come up. Waiting for Redis is
no nicety: Letta 0.16.8 that does not reach Redis at its first try keeps a client that does nothing for the life of
the process (letta/data_sources/redis_client.py, get_redis_client), without locks and background runs, and still
reports itself healthy.
"""

import asyncio
import os
import signal
import sys
import threading
from urllib.parse import urlparse

from organizations import keep_organizations_apart

POLL_SECONDS = 0.1
REPORT_SECONDS = 10


def wanted_schema() -> str:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(Config("alembic.ini")).get_current_head()


async def database_problem(uri: str, wanted: str) -> str | None:
    import asyncpg

    try:
        connection = await asyncpg.connect(uri, timeout=5)
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
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 5)
        writer.write(b"PING\r\n")
        answer = await asyncio.wait_for(reader.readline(), 5)
        writer.close()
    except Exception as error:
        return f"Redis: {type(error).__name__}: {error}"
    return None if answer == b"+PONG\r\n" else f"Redis: answered {answer!r}"


async def wait_for_dependencies() -> None:
    uri = os.environ["LETTA_PG_URI"].replace("?ssl=disable", "?sslmode=disable")
    host, port = os.environ["LETTA_REDIS_HOST"], int(os.environ["LETTA_REDIS_PORT"])
    wanted = wanted_schema()
    seconds = 0.0
    while problem := await database_problem(uri, wanted) or await redis_problem(host, port):
        if seconds % REPORT_SECONDS < POLL_SECONDS:
            print(f"waiting: {problem}", flush=True)
        await asyncio.sleep(POLL_SECONDS)
        seconds += POLL_SECONDS


class RedactedStream:
    """A stream that never shows the server's password: Letta prints it at every start in secure mode."""

    def __init__(self, stream, secret: str):
        self.stream = stream
        self.secret = secret

    def write(self, text: str) -> int:
        self.stream.write(text.replace(self.secret, "[redacted]"))
        return len(text)

    def __getattr__(self, name: str):
        return getattr(self.stream, name)


def redact_output() -> None:
    secret = os.environ["LETTA_SERVER_PASSWORD"]
    sys.stdout, sys.stderr = RedactedStream(sys.stdout, secret), RedactedStream(sys.stderr, secret)


def allow_private_mcp_servers(allowed: set[str]) -> None:
    """Lets the named hosts be MCP servers.

    Letta 0.16.8 refuses every MCP server whose name resolves to a private address, without a setting for exceptions
    (letta/helpers/url_validation.py), which is each server beside it on a Docker network. Must run before the modules
    that import the check by name.
    """
    try:
        from letta.helpers import url_validation
    except ImportError:
        return  # Up to 0.16.6 there was no such check.
    check = url_validation.validate_mcp_server_url

    def check_others(url: str, *, resolve_hostname: bool = True) -> str:
        return url if urlparse(url).hostname in allowed else check(url, resolve_hostname=resolve_hostname)

    url_validation.validate_mcp_server_url = check_others


def main() -> None:
    # PID 1 has no default action for SIGTERM: without this, stopping a server that still waits takes the whole grace.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    dependencies = threading.Thread(target=lambda: asyncio.run(wait_for_dependencies()), daemon=True)
    dependencies.start()
    keep_organizations_apart()
    from letta.server.rest_api.app import start_server

    dependencies.join()
    sys.argv = ["letta", "server"]
    start_server(port=8283, host="0.0.0.0", debug=False)


# With more than one worker each imports this file anew under another name, and needs both too.
redact_output()
allow_private_mcp_servers(set(os.environ.get("MCP_ALLOWED_HOSTS", "").split(",")) - {""})

if __name__ == "__main__":
    main()
else:
    keep_organizations_apart()
