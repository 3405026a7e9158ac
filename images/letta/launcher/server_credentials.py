"""The credentials Letta's server uses and accepts: a file that is reread whenever it changes.

So no password is in the environment, which every library reads and `docker inspect` shows, or in `~/.letta`, and a rotation
restarts nothing.
"""

import hmac
import json
import os
import secrets
import sys

PATH = "/run/credentials/letta.json"


class NoCredentials(Exception):
    """The file is missing or malformed: no client is accepted, and no login is attempted."""


class CredentialsFile:
    """{"serverPasswords": [...], "database": {"user", "password"}, "redis": {"username", "password"}}"""

    def __init__(self, path: str):
        self.path = path
        self.stamp = None
        self.content = {}
        self.reported = None

    def read(self) -> dict:
        try:
            stat = os.stat(self.path)
            # The file is replaced, never overwritten, so what can be read is complete.
            stamp = (stat.st_ino, stat.st_mtime_ns)
            if stamp != self.stamp:
                with open(self.path) as file:
                    self.content = checked(json.load(file))
                self.stamp = stamp
        except OSError as error:
            raise NoCredentials(f"{self.path}: {error.strerror}") from None
        except ValueError as error:
            raise NoCredentials(f"{self.path} is malformed: {error}") from None
        self.reported = None
        return self.content

    def accepts(self, given: str) -> bool:
        try:
            known = self.read()["serverPasswords"]
        except NoCredentials as problem:
            self.report(str(problem))
            return False
        # A list, not a generator: the time taken must not reveal which password matched.
        return any([hmac.compare_digest(given.encode(), password.encode()) for password in known])

    def report(self, problem: str) -> None:
        """Prints a problem once, not with each request."""
        if problem != self.reported:
            print(f"REFUSED: all requests: {problem}", flush=True)
        self.reported = problem


def checked(content) -> dict:
    """Returns the content if it is complete. An empty password would accept clients that send none."""
    wanted = {"database": ("user", "password"), "redis": ("username", "password")}
    texts = content.get("serverPasswords") if isinstance(content, dict) else None
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise ValueError("serverPasswords must be a list of passwords")
    for name, keys in wanted.items():
        login = content.get(name)
        if not isinstance(login, dict) or not all(isinstance(login.get(key), str) and login[key] for key in keys):
            raise ValueError(f"{name} must have {' and '.join(keys)}")
    return {**content, "database": {key: content["database"][key] for key in wanted["database"]}}


credentials = CredentialsFile(PATH)


def log_in_to_postgres() -> None:
    """Makes each new connection use the file's login; SQLAlchemy looks up `asyncpg.connect` each time."""
    import asyncpg
    from sqlalchemy import event
    from sqlalchemy.pool import Pool

    connect = asyncpg.connect
    asyncpg.connect = lambda *args, **options: connect(*args, **{**options, **credentials.read()["database"]})
    event.listen(Pool, "connect", remember_login)
    event.listen(Pool, "checkout", replace_when_old)


def remember_login(_connection, record) -> None:
    record.info["login"] = credentials.read()["database"]


def replace_when_old(_connection, record, _proxy) -> None:
    """Makes the pool replace a connection with a former login, before the end of a rotation ends its session."""
    from sqlalchemy.exc import DisconnectionError

    try:
        wanted = credentials.read()["database"]
    except NoCredentials:
        return
    if record.info.get("login") != wanted:
        raise DisconnectionError("the connection uses former credentials")


def log_in_to_redis() -> None:
    """Makes each new connection use the file's login: Letta creates its pool without one."""
    from redis.asyncio.connection import ConnectionPool
    from redis.credentials import CredentialProvider

    class FileCredentials(CredentialProvider):
        def get_credentials(self) -> tuple[str, str]:
            redis = credentials.read()["redis"]
            return redis["username"], redis["password"]

        async def get_credentials_async(self) -> tuple[str, str]:
            return self.get_credentials()

    initialise = ConnectionPool.__init__

    def with_credentials(self, *args, **options):
        initialise(self, *args, **{**options, "credential_provider": FileCredentials()})

    ConnectionPool.__init__ = with_credentials


def ask_clients_for_password() -> None:
    """Accepts any password of the file.

    Without one in the environment, Letta generates a password and prints it; that one opens nothing.
    """
    from letta.server.rest_api.middleware.check_password import CheckPasswordMiddleware

    initialise, dispatch = CheckPasswordMiddleware.__init__, CheckPasswordMiddleware.dispatch

    def with_unknown_password(self, app, password):
        initialise(self, app, password=secrets.token_urlsafe(32))

    async def with_passwords_of_file(self, request, call_next):
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        bare_scheme, _, bare = request.headers.get("X-BARE-PASSWORD", "").partition(" ")
        if (scheme == "Bearer" and credentials.accepts(given)) or (bare_scheme == "password" and credentials.accepts(bare)):
            return await call_next(request)
        return await dispatch(self, request, call_next)

    CheckPasswordMiddleware.__init__ = with_unknown_password
    CheckPasswordMiddleware.dispatch = with_passwords_of_file
    sys.stdout = WithoutPasswordLine(sys.stdout)


class WithoutPasswordLine:
    """A stream that replaces the line in which Letta prints the password that opens nothing."""

    def __init__(self, stream):
        self.stream = stream

    def write(self, text: str) -> int:
        if "Using secure mode with password" in text:
            self.stream.write(f"Using secure mode with the passwords of {PATH}")
        else:
            self.stream.write(text)
        return len(text)

    def __getattr__(self, name: str):
        return getattr(self.stream, name)
