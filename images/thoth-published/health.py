"""Health checks of Thoth's published images, as Docker runs them.

    python -IS health.py api PORT     GET /health, judged service by service
    python -IS health.py http PORT    GET /health answers 200
    python -IS health.py process      the container's program runs, and is not one that Docker restarts again and again
    python -IS health.py process ROLE the same of one role, where one container has all of them

Exits 0, or 1 with the reason on stdout.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

# Python imports for 10 seconds before it refuses a wrong option; a program that has run for longer than this has started.
LEAST_SECONDS = 20


def api(port: str) -> str | None:
    """Thoth answers 503 for ever: several of its services have no check of their own ("unknown"), and it wants all healthy."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=4) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        try:
            answer = json.load(error)
        except ValueError:
            return str(error)
    services = answer.get("services") or {}
    failing = {name: service for name, service in services.items() if service.get("status") in ("unhealthy", "error")}
    if failing:
        return "; ".join(f"{name}: {service.get('error') or service['status']}" for name, service in failing.items())
    return None if services else answer.get("error") or "no service has started"


def http(port: str) -> str | None:
    urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=4).close()
    return None


def process(role: str | None = None) -> str | None:
    folders = [folder for folder in Path("/proc").glob("[0-9]*") if role is None or is_of(folder, role)]
    # Docker's init, PID 1, has started the container's only program; a role is the one that its environment names.
    ages = [age for age in (age_of(folder, "1" if role is None else None) for folder in folders) if age is not None]
    if not ages:
        return "its program does not run"
    return None if max(ages) >= LEAST_SECONDS else f"its program has run for {max(ages):.0f} s of {LEAST_SECONDS}"


def is_of(folder: Path, role: str) -> bool:
    try:
        return f"THOTH_LETTA_ROLE={role}".encode() in (folder / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def age_of(folder: Path, started_by: str | None) -> float | None:
    """The age in seconds of a process; None for a stopped one, and for one that another process has started."""
    try:
        # The name in brackets may contain anything; state and parent come after it.
        state, parent, *rest = (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    if started_by not in (None, parent) or state in "TtXZ":
        return None
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return uptime - int(rest[17]) / os.sysconf("SC_CLK_TCK")


def main(name: str, *arguments: str) -> int:
    try:
        problem = {"api": api, "http": http, "process": process}[name](*arguments)
    except (OSError, ValueError) as error:
        problem = str(error)
    if problem is not None:
        print(problem)
    return 0 if problem is None else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
