"""A project's own model providers: the routes of one provider know no others, and show keys masked.

Letta 0.16.8 looks up one provider among the operator's too, and answers with its encrypted key.
"""

import functools


def show_own_providers_only() -> None:
    """Must run before the application takes its routes from the router."""
    from letta.server.rest_api.routers.v1.providers import router

    for route in router.routes:
        route.endpoint = masked(own_only(route.endpoint) if "{provider_id}" in route.path else route.endpoint)


def own_only(endpoint):
    @functools.wraps(endpoint)
    async def checked(*, provider_id, headers, server, **others):
        await require_own(provider_id, headers, server)
        return await endpoint(provider_id=provider_id, headers=headers, server=server, **others)

    return checked


async def require_own(provider_id: str, headers, server) -> None:
    """Does nothing for the operator, who names no user."""
    from letta.orm.errors import NoResultFound
    from letta.orm.provider import Provider
    from letta.server.db import db_registry
    from sqlalchemy import select

    if headers.actor_id is None:
        return
    actor = await server.user_manager.get_actor_or_default_async(actor_id=headers.actor_id)
    # Letta finds deleted ones too.
    own = (Provider.id == provider_id, Provider.organization_id == actor.organization_id, Provider.is_deleted == False)  # noqa: E712
    async with db_registry.async_session() as session:
        if (await session.execute(select(Provider.id).where(*own))).first() is None:
            raise NoResultFound(f"Provider not found with id='{provider_id}'")


def masked(endpoint):
    @functools.wraps(endpoint)
    async def answered(*args, **named):
        answer = await endpoint(*args, **named)
        headers = named.get("headers")
        if headers is None or headers.actor_id is None:
            return answer
        return [await mask(one) for one in answer] if isinstance(answer, list) else await mask(answer)

    return answered


async def mask(provider):
    """The last four characters of a key tell its owner which one it is."""
    from letta.schemas.providers import Provider
    from letta.schemas.secret import Secret

    if not isinstance(provider, Provider):
        return provider
    shown = {}
    for name in ("api_key_enc", "access_key_enc"):
        key = getattr(provider, name)
        text = await key.get_plaintext_async() if key else None
        shown[name] = Secret.from_encrypted(f"****{text[-4:] if len(text) > 12 else ''}") if text else None
    return provider.model_copy(update=shown)
