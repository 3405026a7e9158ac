"""Shares a process between the projects that start runs in it, without holding back one that is alone.

A run computes for about two tenths of a second, in pieces, and all runs of a process take turns. So a run begins at once while
the process keeps up, and waits while it does not; then the project with the fewest runs in progress is next, no matter who asked
first. Nobody is slowed down while nobody competes: an idle process begins the next run a hundredth of a second after the one
before. A project may have so many runs, waiting or in progress, that its excess is refused: with the time that the queue takes.
See docs/decisions/0050.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

# How often a process with runs looks whether it keeps up; over which time, in seconds; and the share of it without anything to do.
TICK_SECONDS = 0.01
WINDOW_SECONDS = 0.25
LEAST_IDLE = 0.1
# A process that long streams keep from ever keeping up still begins one as often as this. Not more often: runs must not begin
# faster than a slow machine completes them, or they pile up and all of them starve.
LONGEST_PAUSE_SECONDS = 5
# Of one project in this process, waiting or in progress, unless the gateway says otherwise.
MOST_RUNS = 1000
# Letta's clients ignore a Retry-After of a minute and more.
LONGEST_RETRY_SECONDS = 59


class TooMany(Exception):
    """The project has as many runs as it may; there will be room after `seconds`."""

    def __init__(self, seconds: int):
        super().__init__()
        self.seconds = seconds


def busy_seconds() -> float:
    """How long this thread has computed, or waited for a processor while others did: its timers are late in both cases."""
    with open("/proc/thread-self/schedstat") as file:
        computed, waited, _ = file.read().split()
    return (int(computed) + int(waited)) / 1e9


class Shares:
    def __init__(self, clock=time.monotonic):
        self.clock = clock
        self.running: dict[str, int] = {}
        self.waiting: dict[str, deque[asyncio.Future]] = {}
        # When a run of the project last began.
        self.began: dict[str, float] = {}
        # From the beginning of one run to that of one that waits, in seconds, smoothed.
        self.pace = TICK_SECONDS
        self.last_begin = 0.0
        # Whether one may begin right away: the process kept up at the last look, and none has begun since.
        self.has_room = True
        self.watcher: asyncio.Task | None = None

    @asynccontextmanager
    async def turn(self, project: str, most: int = MOST_RUNS) -> AsyncIterator[None]:
        """Waits for the project's turn, and counts a run of it until the end. Raises TooMany."""
        waiting = len(self.waiting.get(project, ()))
        if self.running.get(project, 0) + waiting >= most:
            raise TooMany(self.retry_seconds(waiting + 1))
        self.watcher = self.watcher or asyncio.create_task(self.watch())
        if not self.waiting and (self.has_room or not self.running):
            self.begin(project)
        else:
            await self.wait(project)
        try:
            yield
        finally:
            self.end(project)

    def begin(self, project: str) -> None:
        self.running[project] = self.running.get(project, 0) + 1
        self.began[project] = self.last_begin = self.clock()
        self.has_room = False

    def end(self, project: str) -> None:
        self.running[project] -= 1
        if self.running[project] == 0:
            del self.running[project]

    async def wait(self, project: str) -> None:
        queue = self.waiting.setdefault(project, deque())
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            # The client has gone; its turn, if it has come, is given up. Else it is skipped.
            if not turn.cancelled():
                self.end(project)
            raise

    def retry_seconds(self, ahead: int) -> int:
        """When so many more runs of a project will have begun, at the pace of the last ones and in turn with other projects."""
        return min(LONGEST_RETRY_SECONDS, math.ceil(ahead * self.pace * max(1, len(self.waiting))))

    async def watch(self) -> None:
        """Looks whether the process keeps up, for as long as there are runs, and lets the next one begin."""
        idle_share = 1.0
        while self.running or self.waiting:
            started, busy = self.clock(), busy_seconds()
            await asyncio.sleep(TICK_SECONDS)
            passed = self.clock() - started
            idle = max(0, passed - (busy_seconds() - busy)) / passed
            idle_share += (idle - idle_share) * (1 - math.exp(-passed / WINDOW_SECONDS))
            self.look(idle_share > LEAST_IDLE)
        self.has_room = True
        self.watcher = None

    def look(self, keeps_up: bool) -> None:
        self.has_room = keeps_up
        self.forget_the_gone()
        if not self.waiting:
            return
        project = self.next()
        # A project without a run need not wait until those of others compute less.
        if self.has_room or project not in self.running or self.clock() - self.last_begin > LONGEST_PAUSE_SECONDS:
            self.let_begin(project)

    def next(self) -> str:
        return min(self.waiting, key=lambda project: (self.running.get(project, 0), self.began.get(project, 0)))

    def let_begin(self, project: str) -> None:
        turn = self.waiting[project].popleft()
        self.pace += (min(self.clock() - self.last_begin, LONGEST_PAUSE_SECONDS) - self.pace) / 10
        self.begin(project)
        turn.set_result(None)
        self.forget_the_gone()

    def forget_the_gone(self) -> None:
        """Drops turns whose clients have gone, and projects that have none left."""
        left = {project: deque(turn for turn in queue if not turn.done()) for project, queue in self.waiting.items()}
        self.waiting = {project: queue for project, queue in left.items() if queue}
