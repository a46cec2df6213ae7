"""What every evaluator kind shares: its settings and the interface that a kind module fulfils."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from poq.evaluators.scale import Scale
from poq.models.size import ModelSize, parameters, weight_bytes
from poq.settings import Settings

if TYPE_CHECKING:
    from torch.nn import Module

Target = Literal["reference", "question", "context", "question+context", "question+evidence"]
"""What an output is compared with; all but ``reference`` exist in a live network.

``evidence`` is the one sentence of the context that the output most likely rests on
(:func:`poq.sentences.evidence`), for models that cannot read all of it.
"""


class EvaluatorSettings(Settings):
    """Settings that every evaluator kind has."""

    compares_outputs: ClassVar[bool] = False
    """The scorer can compare two outputs with each other."""

    compares_with: Target = Field(
        description="What the output is compared with; 'reference' has no place in a live network."
    )
    scale: Scale = Field(description="How the raw value maps to the score in [0, 10].")
    sample: int | None = Field(
        None,
        ge=2,
        description="Prompts of each task's test split whose outputs are scored, for an evaluator "
        "that is too dear for all; all prompts of both splits if left out.",
    )

    @model_validator(mode="after")
    def _sampled(self) -> EvaluatorSettings:
        if self.sample is not None and self.scale.method == "fitted":
            raise ValueError("expected no sample with a fitted scale, which needs all prompts")
        return self

    def files(self) -> list[str]:
        """Return the files that the evaluator reads, as they stand in the configuration."""
        return []

    def between_outputs(self) -> Self:
        """Return the settings with which the evaluator compares two outputs with each other."""
        return self

    @property
    def architecture(self) -> str:
        """How the evaluator is built: its kind, unless the kind tells several apart."""
        return type(self).__module__.rpartition(".")[2]


class EncoderSettings(EvaluatorSettings):
    """Settings of the evaluators that run a neural network."""

    model: str = Field(description="Name of a model folder, a key of `models`.")
    batch_size: int = Field(16, ge=1, description="Texts or pairs in one forward pass.")
    max_length: int | None = Field(
        None,
        ge=8,
        description="Tokens of a text (of a pair for a cross-encoder) that are read, special ones "
        "and prompts included; the rest is cut. As many as the model's own configuration has if "
        "left out; never more than its positions.",
    )


class WindowSettings(Settings):
    """A target longer than the model can read is scored in windows of whole sentences."""

    pool: Literal["max", "mean"] = Field(
        "max", description="What becomes of the raw values of a target's windows."
    )


class TransformerSettings(EncoderSettings):
    """Settings of the evaluators that run a transformer, which reads a limited number of tokens."""

    windows: WindowSettings | None = Field(
        None,
        description="How a target that is too long is scored window by window; it is cut if left "
        "out. An output that is too long is cut in any case.",
    )


class Verdicts(NamedTuple):
    """Raw values of an evaluator that may fail to score an output.

    ``values`` has shape (n,) and NaN where ``missing`` says why there is none.
    """

    values: NDArray[np.float64]
    missing: list[str | None]


class Reading(NamedTuple):
    """Tokens of n pairs of target and output, and how many of them an evaluator reads.

    Arrays of shape (n,), in tokens of the evaluator's own tokenizer. Special tokens and prompts do
    not count. A text is cut where fewer tokens are read than it has.
    """

    target_tokens: NDArray[np.int64]
    target_tokens_read: NDArray[np.int64]
    output_tokens: NDArray[np.int64]
    output_tokens_read: NDArray[np.int64]


class Scorer(Protocol):
    """A loaded evaluator; ``load(settings, folder, device)`` of each kind module returns one."""

    def __call__(self, outputs: Sequence[str], targets: Sequence[str]) -> NDArray[np.float64]:
        """Return raw values, shape (n,), of n pairs of a non-empty output and its target.

        Higher means better; the range is the kind's own and is mapped by its scale.
        """
        ...


class NetworkScorer:
    """A scorer that knows the network behind it: its size, and how many tokens it reads.

    Args:
        network: the network.
        score: returns raw values.
        reading: returns the tokens of pairs of output and target, without running the network.
        limit: tokens that it reads at most, special ones included; None if it reads all.
    """

    def __init__(
        self,
        network: Module,
        score: Scorer,
        reading: Callable[[Sequence[str], Sequence[str]], Reading],
        limit: int | None,
    ) -> None:
        self.network = network
        self.score = score
        self.reading = reading
        self.limit = limit

    def __call__(self, outputs: Sequence[str], targets: Sequence[str]) -> NDArray[np.float64]:
        """Return raw values; see :class:`Scorer`."""
        return self.score(outputs, targets)

    def size(self) -> ModelSize:
        """Return the number of weights, and their bytes as they are served."""
        return ModelSize(parameters(self.network), weight_bytes(self.network))


class FallibleScorer(Protocol):
    """A loaded evaluator that may fail to score an output.

    One that takes values from a cache has an attribute ``fresh``, the same scorer without it,
    which is what costs are measured on.
    """

    def __call__(self, outputs: Sequence[str], targets: Sequence[str]) -> Verdicts:
        """Return raw values, and where there is none the reason; see :class:`Scorer`."""
        ...


AnyScorer: TypeAlias = Scorer | FallibleScorer


class Loader(Protocol):
    """The ``load`` function of a kind module."""

    def __call__(self, settings: EvaluatorSettings, folder: Path | None, device: str) -> AnyScorer:
        """Return the scorer; ``folder`` is the model's folder, None for kinds without one."""
        ...
