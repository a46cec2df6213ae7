"""Cross-encoder evaluator: one network reads target and output together and returns one value.

Loads any sequence-classification folder (Nogueira and Cho, 2019). A checkpoint with a single
label gives that logit through the folder's own activation; one with several labels (NLI) needs
``label``, the class whose softmax probability is the raw value.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from poq.errors import PoqError
from poq.evaluators.base import EncoderSettings, NetworkScorer, Scorer


class Settings(EncoderSettings):
    """Joint reading of target and output by a sequence-classification model."""

    kind: Literal["cross_encoder"]
    label: int | None = Field(
        None, ge=0, description="Class whose probability is the raw value; only for several labels."
    )
    max_length: int = Field(
        512,
        ge=8,
        description="Tokens of a pair, as far as the model reads; the longer text is cut.",
    )

    @property
    def architecture(self) -> str:
        """A relevance model, or one of natural language inference, whose classes have a label."""
        return "cross_encoder" if self.label is None else "nli"


def load(settings: Settings, folder: Path | None, device: str) -> Scorer:
    """Return the scorer of a sequence-classification folder.

    Raw values are the activation's range for one label, [0, 1] for a class probability.

    Raises:
        PoqError: the folder holds no sequence-classification model, or ``label`` does not fit the
            number of its labels.
    """
    from sentence_transformers import CrossEncoder
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    architectures = config.architectures or []
    if not any(name.endswith("ForSequenceClassification") for name in architectures):
        # Loading it all the same would score with a random head.
        raise PoqError(f"{folder}: holds {architectures}; expected a ...ForSequenceClassification")
    model = CrossEncoder(
        str(folder),
        device=device,
        max_length=min(
            settings.max_length, getattr(config, "max_position_embeddings", settings.max_length)
        ),
        local_files_only=True,
        trust_remote_code=False,
    )
    labels = model.num_labels
    if (labels == 1) != (settings.label is None) or (settings.label or 0) >= labels:
        raise PoqError(
            f"{folder}: label is {settings.label}, the checkpoint has {labels} label(s); "
            "expected no label for one, an index below their number for several"
        )

    def score(outputs: Sequence[str], targets: Sequence[str]) -> NDArray[np.float64]:
        values = model.predict(
            list(zip(targets, outputs, strict=True)),
            batch_size=settings.batch_size,
            apply_softmax=settings.label is not None,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        raw = np.asarray(values, dtype=np.float64)
        return raw if settings.label is None else raw[:, settings.label]

    return NetworkScorer(model, score)
