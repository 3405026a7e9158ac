"""Keeps what one organization has from every other, in each query that a request leads to.

Letta 0.16.8 looks by itself at whose most things are, and forgets it in places that a gateway cannot see: an agent may be
made with the `block_ids`, `source_ids` or `tool_ids` of another organization, `GET /v1/messages/` lists everybody's
messages, and a user that is not there is taken for the default one. See docs/decisions/0012.
"""

from contextvars import ContextVar
from functools import cache, lru_cache

# Of the user that a request names; none for the operator, who names none, and for what Letta does by itself.
current = ContextVar("organization", default=None)


def keep_organizations_apart() -> None:
    from letta.services.user_manager import UserManager
    from sqlalchemy import event
    from sqlalchemy.orm import Session

    UserManager.get_actor_or_default_async = named_actor(UserManager.get_actor_or_default_async)
    event.listen(Session, "do_orm_execute", only_own)


def named_actor(find):
    """Every route finds out by this who asks."""
    from letta.orm.errors import NoResultFound

    async def find_named(self, actor_id=None):
        actor = await find(self, actor_id)
        if actor_id is None:
            return actor
        if actor.id != actor_id:
            raise NoResultFound(f"User not found with id={actor_id}")
        current.set(actor.organization_id)
        return actor

    return find_named


def only_own(state) -> None:
    """Adds to a query that nothing of another organization counts, also where the query itself does not say so."""
    organization = current.get()
    if organization is None or not (state.is_select or state.is_update or state.is_delete):
        return
    state.statement = state.statement.options(*all_criteria(organization))


# Making them takes longer than most of the queries that they are for.
@lru_cache(maxsize=1024)
def all_criteria(organization: str) -> tuple:
    """Models come by way of their relations too; what is of no organization is everybody's, such as model providers."""
    return tuple(criteria(model, organization) for model in owned_models())


def criteria(model, organization: str):
    from sqlalchemy import or_
    from sqlalchemy.orm import with_loader_criteria

    def is_own(cls):
        return or_(cls.organization_id == organization, cls.organization_id.is_(None))

    return with_loader_criteria(model, is_own, include_aliases=True)


@cache
def owned_models() -> list:
    from letta.orm.base import Base
    from letta.orm.mixins import OrganizationMixin

    classes = [mapper.class_ for mapper in Base.registry.mappers]
    # Some have the column without the mixin: jobs, steps, models of providers.
    others = [one for one in classes if hasattr(one, "organization_id") and not issubclass(one, OrganizationMixin)]
    return [OrganizationMixin, *others]
