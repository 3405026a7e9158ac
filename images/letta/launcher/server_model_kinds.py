"""Model providers that Letta 0.16.8 has no working class for, and corrections of those it has.

Its vLLM class needs a field that only vLLM sends, has no key and no embeddings; its LM Studio class cuts ports that end in 1
and takes every embedding for 768 numbers; its OpenAI class names models that only OpenAI has. See docs/decisions/0045.
"""

import json
import os
import re
from urllib.parse import urlsplit

# Servers behind OpenAI's API do not say which of their models embed.
EMBEDDING_NAME = re.compile(r"embed|minilm|(^|[/-])(bge|gte|e5|jina)[.-]", re.IGNORECASE)
# What servers call the length of a model's context, in tokens: vLLM and SGLang, LM Studio, Groq, OpenRouter.
CONTEXT_FIELDS = ("max_model_len", "loaded_context_length", "max_context_length", "context_window", "context_length")
# How long listing the models of one provider may take, in seconds.
PATIENCE = 20


def configured_servers() -> list[dict]:
    """thoth-letta:models with an address: [{"name", "kind", "url", "key"?, "contextWindow"?}]."""
    return json.loads(os.environ.get("MODEL_SERVERS", "[]"))


def openai_address(url: str) -> str:
    """Where a server has OpenAI's API: under /v1, unless the address has a path already."""
    url = url.strip().rstrip("/")
    return url if urlsplit(url).path else f"{url}/v1"


def enabled_providers(own: list) -> list:
    """Letta's providers from its environment, corrected, and those of thoth-letta:models."""
    for provider in own:
        if provider.provider_type == "ollama":
            # Chats add /v1 to it, embeddings do not, and listing keeps a slash at its end.
            provider.base_url = openai_address(provider.base_url)
    return [*own, *(from_config(server) for server in configured_servers())]


def from_config(server: dict):
    kind = classes()["ollama" if server["kind"] == "ollama" else "compatible"]
    fields = {"name": server["name"], "base_url": openai_address(server["url"])}
    provider = kind(**fields, api_key_enc=secret(server.get("key")))
    provider._server = server
    return provider


def secret(text: str | None):
    from letta.schemas.secret import Secret

    return None if text is None else Secret.from_plaintext(text)


def classes() -> dict:
    """The classes, made when Letta can be imported."""
    from letta.constants import DEFAULT_CONTEXT_WINDOW, DEFAULT_EMBEDDING_CHUNK_SIZE
    from letta.schemas.embedding_config import EmbeddingConfig
    from letta.schemas.llm_config import LLMConfig
    from letta.schemas.providers.ollama import OllamaProvider
    from letta.schemas.providers.vllm import VLLMProvider
    from pydantic import PrivateAttr

    class OllamaServer(OllamaProvider):
        _server: dict = PrivateAttr(default_factory=dict)

        async def list_llm_models_async(self):
            models = await super().list_llm_models_async()
            for model in models:
                model.context_window = min(model.context_window, self._server.get("contextWindow", model.context_window))
            return models

    class CompatibleServer(VLLMProvider):
        """Any server with OpenAI's API. In Letta's database it is a vLLM, whose requests fit all of them."""

        _server: dict = PrivateAttr(default_factory=dict)

        async def list_llm_models_async(self):
            return [
                LLMConfig(
                    model=model["id"],
                    model_endpoint_type="openai",
                    model_endpoint=self.base_url,
                    context_window=self.context_window(model),
                    handle=self.get_handle(model["id"]),
                    max_tokens=self.get_default_max_output_tokens(model["id"]),
                    provider_name=self.name,
                    provider_category=self.provider_category,
                )
                for model in await self.models()
                if not embeds(model)
            ]

        async def list_embedding_models_async(self):
            return [
                EmbeddingConfig(
                    embedding_model=model["id"],
                    embedding_endpoint_type="openai",
                    embedding_endpoint=self.base_url,
                    embedding_dim=await self.dimensions(model["id"]),
                    embedding_chunk_size=DEFAULT_EMBEDDING_CHUNK_SIZE,
                    handle=self.get_handle(model["id"], is_embedding=True),
                )
                for model in await self.models()
                if embeds(model)
            ]

        async def models(self) -> list[dict]:
            if self._server.get("kind") == "lmstudio":
                # Its own API also says how long the contexts are.
                return (await self.ask("GET", f"{self.base_url.removesuffix('/v1')}/api/v0/models"))["data"]
            return (await self.ask("GET", f"{self.base_url}/models"))["data"]

        async def dimensions(self, model: str) -> int:
            answer = await self.ask("POST", f"{self.base_url}/embeddings", {"model": model, "input": "size"})
            return len(answer["data"][0]["embedding"])

        async def ask(self, method: str, url: str, body=None) -> dict:
            import httpx

            key = self._server.get("key")
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            async with httpx.AsyncClient(timeout=PATIENCE) as client:
                response = await client.request(method, url, json=body, headers=headers)
            return response.raise_for_status().json()

        def context_window(self, model: dict) -> int:
            known = [model[field] for field in CONTEXT_FIELDS if isinstance(model.get(field), int)]
            # llama.cpp.
            known += [value for field, value in (model.get("meta") or {}).items() if field == "n_ctx"]
            length = known[0] if known else DEFAULT_CONTEXT_WINDOW
            return min(length, self._server.get("contextWindow", length))

    return {"ollama": OllamaServer, "compatible": CompatibleServer}


def embeds(model: dict) -> bool:
    kind = model.get("type")
    if kind in ("llm", "vlm", "embeddings"):
        return kind == "embeddings"
    return EMBEDDING_NAME.search(model["id"]) is not None


def never_skip_models_of_a_busy_ollama() -> None:
    """A model whose details Ollama is too busy to tell within 2 s is left out by Letta, and then removed from its list."""
    import aiohttp
    from letta.schemas.providers.ollama import OllamaProvider

    async def details(self, model_name: str) -> dict | None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE)) as session:
            async with session.post(f"{self.raw_base_url}/api/show", json={"name": model_name}) as response:
                return await response.json() if response.status == 200 else None

    OllamaProvider._get_model_details_async = details
