"""A node that runs no model: it returns the first sentences of the context.

The lead baseline of news summarization, and in a network a free rider that costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field

from poq.generation.base import Completion, Generator, Request, Serving
from poq.sentences import leading_sentences
from poq.settings import Settings as BaseSettings


class Settings(BaseSettings):
    """Leading sentences of the context."""

    kind: Literal["lead"]
    sentences: int = Field(ge=1, description="Number of sentences to return.")


class LeadGenerator:
    """Returns leading sentences."""

    def __init__(self, sentences: int) -> None:
        self.sentences = sentences

    def batches(self, requests: Iterable[Request]) -> list[list[Request]]:
        """Return one batch a request: nothing is gained by more."""
        return [[request] for request in requests]

    def complete(self, batch: list[Request]) -> list[Completion]:
        """Return the leading sentences of each context."""
        return [self._complete(request.context) for request in batch]

    def _complete(self, context: str) -> Completion:
        output = leading_sentences(context, self.sentences)
        return Completion(output, None, None, False, "eos", None)


def load(settings: Settings, serving: Serving, folder: Path | None) -> Generator:
    """Return the generator."""
    return LeadGenerator(settings.sentences)
