"""A provider's key goes to that provider's address and no other.

Letta 0.16.8 sends OPENAI_API_KEY to every server behind OpenAI's API: to an Ollama, and to whatever address a project gives
its agent or its own provider. It has no place for the key of such a server, and embeds without a project's own key.
"""

from contextvars import ContextVar

from server_model_kinds import configured_servers, openai_address

# OpenAI's client wants some key.
NO_KEY = "none"
# Of the project whose texts are being embedded.
own_embedding_key = ContextVar("own_embedding_key", default=None)


def keep_keys_to_their_addresses() -> None:
    from letta.llm_api.openai_client import OpenAIClient

    keys, addresses = keys_by_address(), addresses_by_provider()

    def bound(kwargs: dict, config) -> dict:
        # An agent stores the address of its model, which may have moved since.
        url = addresses.get(provider_of(config), kwargs.get("base_url"))
        return {**kwargs, "base_url": url, "api_key": keys.get(plain(url)) or own_embedding_key.get() or NO_KEY}

    def is_left_alone(client, config) -> bool:
        # Azure, Together and others have their own clients, keys and addresses.
        return type(client) is not OpenAIClient or getattr(config, "provider_category", None) == "byok"

    def wrap(prepare):
        def prepared(self, config):
            kwargs = prepare(self, config)
            return kwargs if is_left_alone(self, config) else bound(kwargs, config)

        return prepared

    def wrap_async(prepare):
        async def prepared(self, config):
            kwargs = await prepare(self, config)
            return kwargs if is_left_alone(self, config) else bound(kwargs, config)

        return prepared

    OpenAIClient._prepare_client_kwargs = wrap(OpenAIClient._prepare_client_kwargs)
    OpenAIClient._prepare_client_kwargs_async = wrap_async(OpenAIClient._prepare_client_kwargs_async)
    OpenAIClient._prepare_client_kwargs_embedding = wrap(OpenAIClient._prepare_client_kwargs_embedding)
    OpenAIClient.request_embeddings = with_own_key(OpenAIClient.request_embeddings)


def with_own_key(request):
    """An embedding's config, unlike a model's, does not say that its provider is the project's own."""

    async def requested(self, inputs, embedding_config):
        token = own_embedding_key.set(await own_key(self.actor, embedding_config))
        try:
            return await request(self, inputs, embedding_config)
        finally:
            own_embedding_key.reset(token)

    return requested


async def own_key(actor, config) -> str | None:
    from letta.schemas.enums import ProviderCategory
    from letta.services.provider_manager import ProviderManager

    name = provider_of(config)
    if actor is None or name is None:
        return None
    found = await ProviderManager().list_providers_async(actor=actor, name=name, provider_category=[ProviderCategory.byok])
    if not found or found[0].api_key_enc is None or plain(found[0].base_url) != plain(config.embedding_endpoint):
        return None
    return await found[0].api_key_enc.get_plaintext_async()


def keys_by_address() -> dict[str, str]:
    from letta.settings import model_settings

    keys = {plain(openai_address(server["url"])): server["key"] for server in configured_servers() if server.get("key")}
    if model_settings.openrouter_api_key:
        keys["https://openrouter.ai/api/v1"] = model_settings.openrouter_api_key
    if model_settings.openai_api_key:
        keys[plain(model_settings.openai_api_base)] = model_settings.openai_api_key
    return keys


def addresses_by_provider() -> dict[str, str]:
    from letta.settings import model_settings

    addresses = {server["name"]: openai_address(server["url"]) for server in configured_servers()}
    if model_settings.ollama_base_url:
        addresses["ollama"] = openai_address(model_settings.ollama_base_url)
    return addresses


def provider_of(config) -> str | None:
    """The first part of a handle."""
    return config.handle.partition("/")[0] if config.handle else None


def plain(url: str | None) -> str:
    return (url or "https://api.openai.com/v1").rstrip("/")
