"""Keeps the list of models current while the server runs, and says what is wrong with a provider.

Letta 0.16.8 asks each provider once, when it starts: an Ollama that starts later than Letta has no models until a restart. It
also never stores a provider's new address, and never again lists a model that was gone for a while.
"""

import asyncio
import os
import socket
import time
from urllib.parse import urlsplit

from server_model_kinds import PATIENCE, enabled_providers, never_skip_models_of_a_busy_ollama

# Between two looks at all providers, and at those that failed, in seconds.
PAUSE, PAUSE_AFTER_FAILURE = 60, 10
# How long a start waits for models, in seconds. A host behind a firewall would hold it up for minutes.
PATIENCE_AT_START = 5
# Letta's own hosted service: every server lists it, whatever it gives.
HOSTED = "letta"
ADDRESSES = {"anthropic": "https://api.anthropic.com", "google_ai": "https://generativelanguage.googleapis.com"}

# True in the one process that asks the providers; the others read what it found in the database.
watches = False
# Provider -> what the last look found.
found: dict[str, dict] = {}
# Provider -> what was stored of it.
stored: dict[str, list] = {}
looking = asyncio.Lock()


def keep_models_current() -> None:
    from letta.server.server import SyncServer
    from letta.services.provider_manager import ProviderManager

    initialise = SyncServer.__init__

    def with_all_providers(self, *args, **options):
        initialise(self, *args, **options)
        self._enabled_providers = enabled_providers(self._enabled_providers)

    async def first_look(self):
        await keep_rows(self)
        if not watches:
            return
        self._model_watch = asyncio.create_task(watch(self))
        await asyncio.wait([asyncio.create_task(look(self))], timeout=PATIENCE_AT_START)

    async def rows_are_kept_later(self, base_providers, actor):
        """first_look follows at once."""

    SyncServer.__init__ = with_all_providers
    SyncServer._sync_provider_models_async = first_look
    ProviderManager.sync_base_providers = rows_are_kept_later
    never_skip_models_of_a_busy_ollama()
    set_defaults()


def watch_models() -> None:
    """Makes this process, which must not serve yet, the one that asks the providers."""
    global watches
    watches = True


def set_defaults() -> None:
    """The models of agents that name none."""
    from letta.settings import settings

    settings.default_llm_handle = settings.default_llm_handle or os.environ.get("DEFAULT_MODEL")
    settings.default_embedding_handle = settings.default_embedding_handle or os.environ.get("DEFAULT_EMBEDDING")


async def watch(server) -> None:
    while True:
        has_failed = any(state["problem"] for state in found.values())
        await asyncio.sleep(PAUSE_AFTER_FAILURE if has_failed else PAUSE)
        try:
            await look(server)
        except Exception as error:
            # The database may be away for a moment.
            print(f"models: {type(error).__name__}: {error}", flush=True)


async def look(server) -> None:
    """Asks all providers at once, and stores what they have."""
    async with looking:
        rows = {row.name: row for row in await base_rows()}
        providers = [provider for provider in server._enabled_providers if provider.name in rows]
        await asyncio.gather(*(look_at(server, provider, rows[provider.name]) for provider in providers))


async def look_at(server, provider, row) -> None:
    before = found.get(provider.name, {}).get("problem")
    models, embeddings, problem = [], [], None
    try:
        async with asyncio.timeout(PATIENCE * 2):
            models, embeddings = await provider.list_llm_models_async(), await provider.list_embedding_models_async()
        have = [(one.handle, one.context_window) for one in models] + [(one.handle, one.embedding_dim) for one in embeddings]
        # Storing a long catalogue takes a query and some lines in the log for each model.
        if stored.get(provider.name) != have:
            await store(server, row, models, embeddings)
            stored[provider.name] = have
        if not models and not embeddings:
            problem = {"cause": "empty", "detail": "it answers and lists no model that Letta can use"}
    except Exception as error:
        # Its models of the last look stay listed.
        problem = {"cause": await cause_of(error, address_of(provider)), "detail": f"{type(error).__name__}: {error}"[:300]}
    if problem != before:
        print(f"models: {provider.name}: {problem['detail'] if problem else 'answers'}", flush=True)
    found[provider.name] = {
        "name": provider.name,
        "kind": getattr(provider, "_server", {}).get("kind") or provider.provider_type.value,
        "url": address_of(provider),
        "models": [model.handle for model in models],
        "embeddings": [model.handle for model in embeddings],
        "problem": problem,
        "checkedAt": time.time(),
    }


def address_of(provider) -> str | None:
    url = ADDRESSES.get(provider.provider_type.value, provider.base_url)
    return url if url and url.startswith("http") else None


async def cause_of(error: Exception, url: str | None) -> str:
    """One word for why a provider gave nothing; scripts/models/cause.ts turns it into a sentence."""
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None) or getattr(error, "status_code", None)
    if status in (401, 403) or "uthenticat" in str(error):
        return "unauthorized"
    if isinstance(error, ModuleNotFoundError):
        return "not-installed"
    if status is not None or url is None:
        return "failed"
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(parts.hostname, port), 5)
        writer.close()
        return "failed"
    except socket.gaierror:
        return "unresolved"
    except ConnectionRefusedError:
        return "refused"
    except (TimeoutError, OSError):
        return "unreachable"


async def base_rows(with_deleted: bool = False) -> list:
    """The operator's providers, which are nobody's in particular."""
    from letta.orm.provider import Provider
    from letta.server.db import db_registry
    from sqlalchemy import select

    query = select(Provider).where(Provider.organization_id.is_(None)).order_by(Provider.is_deleted.desc(), Provider.created_at)
    async with db_registry.async_session() as session:
        rows = (await session.execute(query)).scalars().all()
        return [row.to_pydantic() for row in rows if with_deleted or not row.is_deleted]


async def keep_rows(server) -> None:
    """Makes the database's providers those that are enabled, with their present addresses."""
    from letta.orm.provider import Provider
    from letta.orm.provider_model import ProviderModel
    from letta.schemas.providers import ProviderCreate
    from letta.server.db import db_registry
    from sqlalchemy import update

    enabled = {provider.name: provider for provider in server._enabled_providers}
    # Steps of conversations refer to providers that are gone, so one that returns gets its row back.
    rows = {row.name: row for row in await base_rows(with_deleted=True)}
    async with db_registry.async_session() as session:
        for name, row in rows.items():
            wanted = enabled.get(name)
            fields = ("provider_type", "base_url", "region", "api_version")
            values = {field: getattr(wanted, field) for field in fields} if wanted else {}
            await session.execute(update(Provider).where(Provider.id == row.id).values(is_deleted=wanted is None, **values))
            if wanted is None:
                await session.execute(update(ProviderModel).where(ProviderModel.provider_id == row.id).values(is_deleted=True))
        await session.commit()
    for name in enabled.keys() - rows.keys():
        provider = enabled[name]
        request = ProviderCreate(
            name=name,
            provider_type=provider.provider_type,
            # Keys of the operator's providers are in the environment, not in the database.
            api_key="",
            base_url=provider.base_url,
            region=provider.region,
            api_version=provider.api_version,
        )
        try:
            await server.provider_manager.create_provider_async(request, actor=server.default_user, is_byok=False)
        except ValueError:
            print(f"models: another process has stored provider {name}", flush=True)


async def store(server, row, models, embeddings) -> None:
    from letta.orm.provider_model import ProviderModel
    from letta.server.db import db_registry
    from sqlalchemy import delete

    gone = (ProviderModel.provider_id == row.id, ProviderModel.is_deleted == True)  # noqa: E712
    async with db_registry.async_session() as session:
        # A model marked as deleted could never come back: its name is taken.
        await session.execute(delete(ProviderModel).where(*gone))
        await session.commit()
    manager = server.provider_manager
    await manager.sync_provider_models_async(provider=row, llm_models=models, embedding_models=embeddings, organization_id=None)
    await manager.update_provider_last_synced_async(row.id)


def add_route(app) -> None:
    """GET /v1/admin/models: what each provider gave; with ?ask=true they are asked now. For the operator alone."""
    from letta.server.rest_api.dependencies import get_letta_server
    from letta.settings import settings

    async def models(ask: bool = False) -> dict:
        if ask:
            await look(await get_letta_server())
        return {
            "providers": [state for name, state in sorted(found.items()) if name != HOSTED],
            "default": settings.default_llm_handle,
            "defaultEmbedding": settings.default_embedding_handle,
        }

    app.add_api_route("/v1/admin/models", models, methods=["GET"], include_in_schema=False)
