"""Compiles the bytecode that the migrations and the server load: a quarter of what the environment would have.

A fresh container throws away what Python compiles in it, so whatever is missing here costs time at every start.
"""

import compileall
import importlib
import importlib.util
import os

# Loaded only while the server starts, answers or migrates, so compiled whole.
LOADED_LATER = (
    "letta",
    # the migrations
    *("alembic", "asn1crypto", "mako", "pg8000", "scramp"),
    # the server's start and its connections
    *("anyio", "h11", "nltk", "uvicorn", "websockets"),
    # the first request to a model or a tool
    *("aiofiles", "anthropic", "httpcore", "httpx", "mcp", "openai", "pygments"),
)


def directories() -> list[str]:
    packages = [importlib.util.find_spec(name) for name in LOADED_LATER]
    return ["/app/alembic", *(path for package in packages for path in package.submodule_search_locations)]


if __name__ == "__main__":
    for directory in directories():
        compileall.compile_dir(directory, quiet=1, workers=os.cpu_count())
    # The rest is what the import itself compiles. It needs no database, but the address of one.
    os.environ["LETTA_PG_URI"] = "postgresql://nobody@localhost/none"
    importlib.import_module("letta.server.rest_api.app")
