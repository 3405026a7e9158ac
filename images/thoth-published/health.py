"""Health checks of Thoth's published images, as Docker runs them: `python -IS health.py CHECK…`

    api=PORT     GET /health, judged service by service
    http=PORT    GET /health answers 200
    process      the container's program runs, and is not one that Docker restarts again and again
    process=ROLE the same of one role, where one container has all of them
    letta=URL    Letta answers the project
    postgres     Postgres takes connections

Thoth calls itself healthy without having asked what it stands on, hence the last two. Exits 0, or 1 with the reasons
on stdout.
"""

import json
import os
import shlex
import socket
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

SECRETS = Path("/run/thoth-letta/secrets.env")

# Python imports for 10 seconds before it refuses a wrong option; a program that has run for longer than this has started.
LEAST_SECONDS = 20
# Docker waits for 5 seconds.
PATIENCE = 4


def api(port: str) -> str | None:
    """Thoth answers 503 for ever: several of its services have no check of their own ("unknown"), and it wants all healthy."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=PATIENCE) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        try:
            answer = json.load(error)
        except ValueError:
            return str(error)
    found = answer.get("services") or {}
    failing = {name: service for name, service in found.items() if service.get("status") in ("unhealthy", "error")}
    if failing:
        return "; ".join(f"{name}: {service.get('error') or service['status']}" for name, service in failing.items())
    return None if found else answer.get("error") or "no service has started"


def http(port: str) -> str | None:
    urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=PATIENCE).close()
    return None


def process(role: str | None = None) -> str | None:
    found = [each for each in map(read_process, Path("/proc").glob("[0-9]*")) if each is not None]
    # Docker's init, PID 1, has started the container's only program; a role is the one that its environment names. A
    # watcher of sources is there for as long as the container: what it starts counts.
    starters = {"1", *(each.id for each in found if each.is_watcher)}
    programs = [each for each in found if (each.parent in starters if role is None else is_of(each.id, role))]
    ages = [each.age for each in programs if not each.is_watcher]
    if not ages:
        return "its program does not run"
    return None if max(ages) >= LEAST_SECONDS else f"its program has run for {max(ages):.0f} s of {LEAST_SECONDS}"


def is_of(process_id: str, role: str) -> bool:
    try:
        return f"THOTH_LETTA_ROLE={role}".encode() in Path("/proc", process_id, "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def letta(url: str) -> str | None:
    try:
        urllib.request.urlopen(f"{url}/v1/agents/count", timeout=PATIENCE).close()
    except OSError as error:
        return f"Letta: {error}"
    return None


def postgres() -> str | None:
    """Whether it takes connections; asked without one of the few that the project may have."""
    words = shlex.split(SECRETS.read_text())
    url = urlsplit(next(word.partition("=")[2] for word in words if word.startswith("DATABASE_URL=")))
    try:
        with socket.create_connection((url.hostname, url.port or 5432), timeout=PATIENCE) as connection:
            # Asks whether it speaks TLS: the one request that needs no login.
            connection.sendall(bytes.fromhex("0000000804d2162f"))
            return None if connection.recv(1) in (b"S", b"N") else "Postgres: no answer"
    except OSError as error:
        return f"Postgres: {error}"


class Process(NamedTuple):
    id: str
    parent: str
    age: float
    """In seconds."""
    is_watcher: bool


def read_process(folder: Path) -> Process | None:
    """None for one that has ended or is stopped."""
    try:
        # The name in brackets may contain anything; state and parent come after it.
        state, parent, *rest = (folder / "stat").read_text().rpartition(")")[2].split()
        is_watcher = b"watchdog.watchmedo" in (folder / "cmdline").read_bytes()
    except OSError:
        return None
    if state in "TtXZ":
        return None
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return Process(folder.name, parent, uptime - int(rest[17]) / os.sysconf("SC_CLK_TCK"), is_watcher)


def problem_of(check: str) -> str | None:
    name, _, argument = check.partition("=")
    checks = {"api": api, "http": http, "process": process, "letta": letta, "postgres": postgres}
    try:
        return checks[name](*filter(None, [argument]))
    except (OSError, ValueError) as error:
        return str(error)


def main(checks: list[str]) -> int:
    with ThreadPoolExecutor() as pool:
        problems = list(filter(None, pool.map(problem_of, checks)))
    if problems:
        print("; ".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
