"""What every source of models shares."""

from __future__ import annotations

from operator import not_
from typing import Annotated

from pydantic import Field

from poq.settings import Settings

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class SourceSettings(Settings):
    """Settings that every source has."""

    # Left out of dumps while it is false: a model folder is named by a digest of its source.
    keep_gguf: bool = Field(
        False,
        exclude_if=not_,
        description="Keep GGUF weights as they are, for llama.cpp to serve, instead of turning "
        "them into safetensors.",
    )


class FolderSettings(SourceSettings):
    """Settings of a source whose files the configuration does not list."""

    # Left out of dumps while they are empty, like keep_gguf.
    files: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (),
        exclude_if=not_,
        description="Names or patterns of the weights to take, e.g. '*Q4_K_M.gguf'; configuration "
        "and tokenizer come with them. Without it: safetensors, or the only GGUF file.",
    )
    sha256: dict[str, Sha256] = Field(
        {},
        exclude_if=not_,
        description="File of the model folder -> checksum that it must have; files that are not "
        "named are taken as they come.",
    )
