"""Runs Letta's server once its database is migrated and its Redis answers.

Importing the server takes most of a start and needs neither, so it happens in the meantime.
"""

import asyncio
import gc
import ipaddress
import os
import signal
import sys
import threading
from urllib.parse import urlparse

from organizations import keep_organizations_apart
from server_credentials import ask_clients_for_password, log_in_to_postgres, log_in_to_redis
from server_database import keep_statements_prepared
from server_dependencies import wait_for_dependencies
from server_imports import import_app
from server_log import name_requests
from server_model_keys import keep_keys_to_their_addresses
from server_models import add_route, keep_models_current, watch_models
from server_own_providers import show_own_providers_only
from server_processes import serve


def allow_private_mcp_servers(allowed: set[str]) -> None:
    """Allows these hosts as MCP servers.

    Letta 0.16.8 refuses every MCP server with a private address, hence all on a Docker network, and has no setting for
    exceptions (letta/helpers/url_validation.py). Must run before modules import the check by name.
    """
    try:
        from letta.helpers import url_validation
    except ImportError:
        return  # Up to 0.16.6 there was no such check.
    check = url_validation.validate_mcp_server_url

    def check_others(url: str, *, resolve_hostname: bool = True) -> str:
        host = urlparse(url).hostname
        if is_allowed(canonical(host), allowed):
            return url
        try:
            return check(url, resolve_hostname=resolve_hostname)
        except ValueError as error:
            if any(reason in str(error) for reason in ("Blocked internal hostname", "non-public", "Non-public")):
                raise ValueError(f"{error}; the operator allows such a host with thoth-letta:mcpHosts: {host}") from None
            raise

    url_validation.validate_mcp_server_url = check_others


def is_allowed(host: str | None, allowed: set[str]) -> bool:
    """An entry `*-mcp` stands for containers: for names without a dot that end like this."""
    endings = tuple(entry[1:] for entry in allowed if entry.startswith("*"))
    return host in allowed or (host is not None and "." not in host and host.endswith(endings))


def canonical(host: str | None) -> str | None:
    """An address as the stack's config writes it: one IPv6 address can be written in many ways."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host


def change_letta() -> None:
    """Must run before Letta's modules import what is replaced here by name."""
    allow_private_mcp_servers(set(os.environ.get("MCP_ALLOWED_HOSTS", "").split(",")) - {""})
    ask_clients_for_password()
    keep_statements_prepared()
    keep_organizations_apart()
    keep_models_current()
    keep_keys_to_their_addresses()
    show_own_providers_only()
    from server_tools import contain_tools

    contain_tools()


def answer_health_without_slash(app) -> None:
    """`/v1/health` as Letta's own health route, as its image's check and people's notes ask it. Letta answers 307."""
    health = next(route for route in app.routes if getattr(route, "path", "") == "/v1/health/")
    app.add_api_route("/v1/health", health.endpoint, include_in_schema=False)


def load_letta():
    """Imports Letta's application, with our changes: by far the longest part of a start."""
    change_letta()
    app = import_app()
    answer_health_without_slash(app)
    add_route(app)
    name_requests()
    # Imported objects never go away. Without this the garbage collector scans them every few hundred requests, which stops
    # the server for half a second and copies their pages in each process.
    gc.freeze()
    return app


def main() -> None:
    # Without this, stopping a server that still waits takes the whole grace period.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    from server_tools import prepare_folders

    prepare_folders()
    dependencies = threading.Thread(target=lambda: asyncio.run(wait_for_dependencies()), daemon=True)
    dependencies.start()
    app = load_letta()
    dependencies.join()
    # The defaults are for the rehearsal of an upgrade, which may have the environment of an older stack's server.
    sys.exit(serve(app, int(os.environ.get("RUNS_PORT", "8285")), int(os.environ.get("RUN_WORKERS", "1")), watch_models))


# Agents' tools run in this container as other users, and must not read what Letta writes.
os.umask(0o077)
log_in_to_postgres()
log_in_to_redis()
main()
