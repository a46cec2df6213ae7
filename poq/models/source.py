"""What every source of models shares."""

from __future__ import annotations

from operator import not_

from pydantic import Field

from poq.settings import Settings


class SourceSettings(Settings):
    """Settings that every source has."""

    # Left out of dumps while it is false: a model folder is named by a digest of its source.
    keep_gguf: bool = Field(
        False,
        exclude_if=not_,
        description="Keep GGUF weights as they are, for llama.cpp to serve, instead of turning "
        "them into safetensors.",
    )
