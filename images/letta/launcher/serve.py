"""Runs Letta's server, once its database is migrated and its Redis answers.

Importing the server takes most of its start and needs neither, so it happens while they come up.
"""

import asyncio
import gc
import os
import signal
import sys
import threading
from urllib.parse import urlparse

from organizations import keep_organizations_apart
from server_credentials import ask_clients_for_password, log_in_to_postgres, log_in_to_redis
from server_database import keep_statements_prepared
from server_dependencies import wait_for_dependencies
from server_processes import serve


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


def change_letta() -> None:
    """What is changed in Letta, before its own modules take the old names along."""
    allow_private_mcp_servers(set(os.environ.get("MCP_ALLOWED_HOSTS", "").split(",")) - {""})
    ask_clients_for_password()
    keep_statements_prepared()
    keep_organizations_apart()
    from server_tools import contain_tools

    contain_tools()


def load_letta():
    """Its application, with our changes; by far the longest part of a start."""
    change_letta()
    from letta.server.rest_api.app import app

    # What is imported stays. Else the collector looks through all of it again every few hundred requests, for half a
    # second in which nobody is answered, and in each process makes a copy of it.
    gc.freeze()
    return app


def main() -> None:
    # Else stopping a server that still waits takes the whole grace.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    from server_tools import prepare_folders

    prepare_folders()
    dependencies = threading.Thread(target=lambda: asyncio.run(wait_for_dependencies()), daemon=True)
    dependencies.start()
    app = load_letta()
    dependencies.join()
    # Absent where a rehearsal is told what a stack's server was told before there were these.
    sys.exit(serve(app, int(os.environ.get("RUNS_PORT", "8285")), int(os.environ.get("RUN_WORKERS", "1"))))


# What Letta writes is its own alone: tools of agents run in this container as other users.
os.umask(0o077)
log_in_to_postgres()
log_in_to_redis()
main()
