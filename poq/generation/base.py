"""What every generation backend shares: its inputs, its results, its interface."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Protocol

import polars as pl
from pydantic import Field, model_validator

from poq.prompting import PromptFormat
from poq.settings import Settings

FinishReason = Literal["eos", "stop", "length"]
OPEN_REASONING, CLOSE_REASONING = "<think>", "</think>"


class OutputLimits(Settings):
    """When an output of a task ends."""

    max_output_tokens: int = Field(ge=1, description="Tokens after which an output is cut off.")
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (), description="Strings that end an output, once it has begun, and are not part of it."
    )


class ServingSettings(Settings):
    """How every node is served."""

    batch_size: int = Field(8, ge=1, description="Prompts in one batch, at most.")
    batch_tokens: int = Field(
        16384,
        ge=1,
        description="Tokens in one batch, at most: inputs, their padding, and the longest outputs "
        "that the task allows. A prompt that needs more goes alone.",
    )
    max_padding: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="Padding over all input tokens of a task's batches, padding included, at most.",
    )
    max_input_tokens: int = Field(
        1024, ge=16, description="Longest input in tokens; the context is cut to fit it."
    )
    chat_date: date = Field(
        date(2025, 1, 1),
        description="Today's date for a chat template that asks for it, as 01 Jan 2025.",
    )
    threads: int = Field(
        1,
        ge=1,
        description="CPU threads of one node while it generates. Part of the result: another "
        "number of threads adds up in another order.",
    )


class SamplingSettings(Settings):
    """How a node that runs a language model chooses tokens."""

    temperature: float = Field(
        0.0, ge=0, description="0 decodes greedily; otherwise sampling at this temperature."
    )
    top_p: float = Field(1.0, gt=0, le=1, description="Nucleus of sampling.")

    @model_validator(mode="after")
    def _sampling(self) -> SamplingSettings:
        if self.temperature == 0 and self.top_p != 1:
            raise ValueError("expected no top_p at temperature 0, where it has no effect")
        return self


@dataclass(frozen=True)
class Serving:
    """All that a backend needs in addition to its own settings and its model folder."""

    settings: ServingSettings
    limits: Mapping[str, OutputLimits]
    formats: Mapping[str, PromptFormat]
    seed: int


class Request(NamedTuple):
    """One prompt as a backend sees it."""

    prompt_id: str
    task: str
    question: str | None
    context: str


class Completion(NamedTuple):
    """What a backend returns for one request.

    ``output`` is stripped of white space; tokens are None for a backend without a tokenizer.
    """

    output: str
    input_tokens: int | None
    output_tokens: int | None
    input_truncated: bool
    finish_reason: FinishReason
    seed: int | None


class Generator(Protocol):
    """A loaded inference node.

    One that takes completions from a cache has an attribute ``fresh``, the same node without it,
    which is what costs are measured on.
    """

    def batches(self, requests: Iterable[Request]) -> list[list[Request]]:
        """Return the batches, each of one task, in which requests are to be generated."""
        ...

    def complete(self, batch: list[Request]) -> list[Completion]:
        """Return a completion for each request of a batch, in the same order."""
        ...


class Loader(Protocol):
    """The ``load`` function of a backend module."""

    def __call__(self, settings: Any, serving: Serving, folder: Path | None) -> Generator:
        """Return the generator; ``folder`` is the model's folder, None without a model."""
        ...


def requests(prompts: pl.DataFrame) -> list[Request]:
    """Return the requests of a prompts table, in its order."""
    return [Request(*row) for row in prompts.select(Request._fields).iter_rows()]


def without_reasoning(text: str, *, begun: bool = False) -> str:
    """Return a text without the reasoning that a model wrote before its answer.

    Reasoning is what precedes the last ``</think>``, as in the templates of Qwen3 and DeepSeek-R1;
    of a text that begins with ``<think>`` and never closes it, everything.

    Args:
        text: what a model generated.
        begun: the prompt itself ended with an open ``<think>``, so that the text begins as
            reasoning.

    >>> without_reasoning("<think>Small numbers.</think> 4")
    '4'
    """
    _, closed, answer = text.rpartition(CLOSE_REASONING)
    if not closed and (begun or text.lstrip().startswith(OPEN_REASONING)):
        return ""
    return answer.lstrip() if closed else text
