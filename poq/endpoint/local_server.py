"""llama.cpp's OpenAI-compatible server on loopback, inside the job's own process.

It dies with the job, by whatever signal. One slot and no prompt cache: an answer depends on its
request alone, not on what was asked before. (llama.cpp adds a prompt of which a part is cached in
another order: of 40 answers of a judge, one was another number.)
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from poq import hardware
from poq.errors import PoqError

log = logging.getLogger(__name__)


class LocalServer:
    """Serves the GGUF weights of a model folder for as long as the object lives.

    Args:
        folder: model folder with one GGUF file.
        context_tokens: longest input and output together.
        port: port on loopback; 0 takes any free one.

    Raises:
        PoqError: the folder holds not exactly one GGUF file, or llama.cpp cannot load it.
    """

    def __init__(self, folder: Path, context_tokens: int, port: int = 0) -> None:
        import xllamacpp

        weights = gguf_file(folder)
        threads = hardware.threads()
        params = xllamacpp.CommonParams()
        params.model.path = str(weights)
        params.n_ctx = context_tokens
        params.n_parallel = 1
        params.n_gpu_layers = 0
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        params.cache_prompt = False
        params.cache_ram_mib = 0
        params.hostnames = ["127.0.0.1"]
        params.port = port
        params.ui = False
        params.verbosity = 0
        try:
            self._server: Any = xllamacpp.Server(params)
        except RuntimeError as error:
            raise PoqError(f"{weights}: llama.cpp cannot serve it: {error}") from error
        self.base_url = f"{self._server.listening_address}/v1"
        log.info("serving %s at %s, %d thread(s)", weights.name, self.base_url, threads)


def gguf_file(folder: Path) -> Path:
    """Return the GGUF file of a model folder.

    Raises:
        PoqError: there is none, or more than one.
    """
    found = sorted(folder.glob("*.gguf"))
    if len(found) != 1:
        raise PoqError(f"{folder}: holds {len(found)} GGUF files; expected one (keep_gguf: true)")
    return found[0]
