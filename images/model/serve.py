"""Serves the trial model behind OpenAI's API: chats on port 8080, embeddings on 8081.

llama.cpp's server does one or the other. Both map the same file, so the model is in memory once.
"""

import glob
import os
import signal

from xllamacpp import CommonParams, Server, llama_pooling_type

NAME = "smollm2-135m"
# All that the model was trained for. Embedded texts are chunks of a few hundred tokens.
CHAT_TOKENS, EMBEDDING_TOKENS = 8192, 2048


def parameters(name: str, port: int, tokens: int) -> CommonParams:
    params = CommonParams()
    params.model.path = glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "*.gguf"))[0]
    params.model_alias = {name}
    params.hostnames = ["0.0.0.0"]
    params.port = port
    params.n_ctx = tokens
    params.n_parallel = 1
    params.use_jinja = True
    params.warmup = False
    params.ui = False
    params.cache_ram_mib = 0
    # Waiting threads would otherwise spin, and take the processors from everything else on a small machine.
    params.cpuparams.poll = params.cpuparams_batch.poll = 0
    return params


def main() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    chat = parameters(NAME, 8080, CHAT_TOKENS)
    embedding = parameters(f"{NAME}-embedding", 8081, EMBEDDING_TOKENS)
    embedding.embedding = True
    embedding.pooling_type = llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    # A text must fit into one batch.
    embedding.n_batch = embedding.n_ubatch = EMBEDDING_TOKENS
    servers = [Server(chat), Server(embedding)]
    print(f"{NAME} answers on {', '.join(server.listening_address for server in servers)}", flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    # llama.cpp would first finish what it is saying.
    os._exit(0)


main()
