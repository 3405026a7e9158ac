"""Serves Letta from several processes that share their imports: one for short requests, others for runs.

Letta is an event loop: all requests of a process wait while one of them computes, and a run computes for tenths of a second.
So the gateway sends runs to separate processes, which have a lower priority. See docs/decisions/0016.
"""

import http.client
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable

from shared_app import SharedApp

REQUESTS_PORT = 8283
# Of run processes and the tools they start.
NICENESS = 10
# How long the others may take to exit after one has exited unexpectedly, in seconds.
LAST_SECONDS = 10


class Processes:
    """Forks of this process. If one exits, all do, and Docker restarts the container."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.is_stopping = False
        self.has_failed = False
        signal.signal(signal.SIGTERM, lambda *_: self.stop())

    def start(self, name: str, work: Callable[[], None]) -> None:
        if self.is_stopping:
            return
        sys.stdout.flush()
        # A signal between the fork and the next line would reach neither process.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        pid = os.fork()
        if pid != 0:
            self.names[pid] = name
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            return
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        try:
            work()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            # A fork must not continue in the parent's code.
            os._exit(1)

    def wait_until_answers(self, port: int) -> None:
        """Returns early if a process exits."""
        while not self.is_stopping and not answers(port):
            self.reap(os.WNOHANG)
            time.sleep(0.1)

    def wait(self) -> int:
        """Waits until all have exited. Returns the exit code."""
        while self.names:
            self.reap()
        return 1 if self.has_failed else 128 + signal.SIGTERM

    def stop(self, kind: int = signal.SIGTERM) -> None:
        self.is_stopping = True
        for pid in list(self.names):
            os.kill(pid, kind)

    def reap(self, flags: int = 0) -> None:
        pid, status = os.waitpid(-1, flags)
        name = self.names.pop(pid, None)
        if name is None or self.is_stopping:
            return
        print(f"{name} exited with {os.waitstatus_to_exitcode(status)}: stopping the others", flush=True)
        self.has_failed = True
        signal.signal(signal.SIGALRM, lambda *_: self.stop(signal.SIGKILL))
        signal.alarm(LAST_SECONDS)
        self.stop()


def serve(app, runs_port: int, run_workers: int, before_requests: Callable[[], None]) -> int:
    """Serves until SIGTERM, on both ports; `before_requests` runs in the request process. Returns the exit code."""
    processes = Processes()
    runs = bound(runs_port)
    # The first one fills an empty database; two would collide.
    for worker in range(run_workers):
        processes.start(f"run process {worker + 1} of {run_workers}", lambda: run(app, runs, NICENESS))
        if worker == 0:
            processes.wait_until_answers(runs_port)
    # A fork inherits open sockets: one that does not need a port would keep it open after its listeners exited.
    runs.close()
    requests = bound(REQUESTS_PORT)
    processes.start("the request process", lambda: (before_requests(), run(app, requests)))
    requests.close()
    return processes.wait()


def run(app, listener: socket.socket, niceness: int = 0) -> None:
    import uvicorn
    from letta.settings import settings
    from starlette.middleware import Middleware

    os.nice(niceness)
    # Innermost, so that only clients with the password wait.
    app.user_middleware.append(Middleware(SharedApp))
    # As in Letta's start_server.
    config = uvicorn.Config(app, timeout_keep_alive=settings.uvicorn_timeout_keep_alive, access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


def bound(port: int) -> socket.socket:
    """A socket that refuses connections until a process listens on it."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", port))
    return listener


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=4)
    try:
        connection.request("GET", "/v1/health/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
