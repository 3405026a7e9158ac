"""Confines every query of a request to the organization of its user.

Letta 0.16.8 checks the owner in most places and forgets it in some that a gateway cannot see: an agent may be created with
`block_ids`, `source_ids` or `tool_ids` of another organization, `GET /v1/messages/` lists everybody's messages, and an
unknown user is treated as the default one. See docs/decisions/0012.
"""

from contextvars import ContextVar
from functools import cache, lru_cache

# Of the user the request names; None for the operator, who names none, and for Letta's own background work.
current = ContextVar("organization", default=None)


def keep_organizations_apart() -> None:
    from letta.services.sandbox_config_manager import SandboxConfigManager
    from letta.services.user_manager import UserManager
    from sqlalchemy import event
    from sqlalchemy.orm import Session

    UserManager.get_actor_or_default_async = named_actor(UserManager.get_actor_or_default_async)
    SandboxConfigManager.create_sandbox_env_var_async = of_own_sandbox(SandboxConfigManager.create_sandbox_env_var_async)
    event.listen(Session, "do_orm_execute", only_own)


def named_actor(find):
    """Wraps the function with which every route looks up its user."""
    from letta.errors import LettaServiceUnavailableError

    async def find_named(self, actor_id=None):
        actor = await find(self, actor_id)
        if actor_id is None:
            return actor
        if actor.id != actor_id:
            # A restore to a time before this project. 404 would tell clients that their agents are gone for good.
            raise LettaServiceUnavailableError(
                f"this database does not know the user {actor_id}: it was restored, and the operator's `make letta-start` is due"
            )
        current.set(actor.organization_id)
        return actor

    return find_named


def of_own_sandbox(create):
    """Refuses a variable for a sandbox config of another organization: it would keep the name from its owner."""
    from letta.orm.errors import NoResultFound

    async def checked(self, env_var_create, sandbox_config_id, actor):
        if all(config.id != sandbox_config_id for config in await self.list_sandbox_configs_async(actor)):
            raise NoResultFound(f"SandboxConfig not found with id={sandbox_config_id}")
        return await create(self, env_var_create, sandbox_config_id, actor)

    return checked


def only_own(state) -> None:
    """Excludes rows of other organizations from a query, whether or not the query does so itself."""
    organization = current.get()
    if organization is None or not (state.is_select or state.is_update or state.is_delete):
        return
    state.statement = state.statement.options(*all_criteria(organization))


# Building them takes longer than most queries.
@lru_cache(maxsize=1024)
def all_criteria(organization: str) -> tuple:
    """Applies to relations too. Rows without an organization, such as model providers, are everybody's."""
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
    # Jobs, steps and providers' models have the column without the mixin.
    others = [one for one in classes if hasattr(one, "organization_id") and not issubclass(one, OrganizationMixin)]
    return [OrganizationMixin, *others]
