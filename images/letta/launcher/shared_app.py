"""Makes requests that start runs wait for their turn (run_shares.py), in each of the server's processes."""

import asyncio
import re
from collections import deque

from run_shares import MOST_RUNS, Shares, TooMany

# As in images/nginx/uploads/routes.conf; the operator's runs are in the process of the short requests.
STARTS_RUN = re.compile(
    r"/v1/(agents/[^/]+/(messages(/stream|/async)?|generate|summarize|tools/[^/]+/run)|conversations/[^/]+/(messages|compact)"
    r"|groups/[^/]+/messages(/stream|/async)?|messages/batches|runs|tools/run|chat/completions)/?"
)


class SharedApp:
    """The application, with shares for requests that start runs. Projects are Letta's users; the operator is one more."""

    def __init__(self, app):
        self.app = app
        self.shares = Shares()

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not STARTS_RUN.fullmatch(scope["path"]):
            return await self.app(scope, receive, send)
        headers = dict(scope["headers"])
        project = headers.get(b"user_id", b"").decode("latin-1")
        request = Buffered(receive)
        turn = self.shares.turn(project, int(headers.get(b"x-most-runs", MOST_RUNS)))
        try:
            await request.unless_gone(turn.__aenter__())
        except TooMany as too_many:
            return await refuse(send, 429, too_many.seconds)
        except ClientGone:
            # Nobody reads it; without an answer, Letta's outer layers report an error.
            return await refuse(send, 499, 0)
        try:
            await self.app(scope, request.receive, send)
        finally:
            await turn.__aexit__(None, None, None)


class ClientGone(Exception):
    """The client has closed its connection while it waited."""


class Buffered:
    """A request whose messages are read while it waits, to see whether its client has gone, and given to the application later."""

    def __init__(self, receive):
        self.receive_next = receive
        self.messages: deque[dict] = deque()
        self.reader: asyncio.Task | None = None

    async def unless_gone(self, work):
        """Raises ClientGone."""
        task = asyncio.ensure_future(work)
        # Most need not wait at all.
        await asyncio.sleep(0)
        if task.done():
            return task.result()
        while not task.done():
            self.reader = self.reader or asyncio.ensure_future(self.receive_next())
            await asyncio.wait({task, self.reader}, return_when=asyncio.FIRST_COMPLETED)
            if self.reader.done():
                self.messages.append(self.reader.result())
                self.reader = None
                if self.messages[-1]["type"] == "http.disconnect" and not task.done():
                    task.cancel()
                    await asyncio.wait({task})
                    raise ClientGone
        return task.result()

    async def receive(self) -> dict:
        if self.messages:
            return self.messages.popleft()
        if self.reader is not None:
            reader, self.reader = self.reader, None
            return await reader
        return await self.receive_next()


async def refuse(send, status: int, seconds: int) -> None:
    detail = f"this project has as many runs as it may (thoth-letta:projectLimits); ask again after {seconds} seconds"
    headers = [(b"content-type", b"application/json"), (b"retry-after", str(seconds).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f'{{"detail":"{detail}"}}\n'.encode()})
