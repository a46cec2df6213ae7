"""Cross-encoder evaluator: one network reads target and output together and returns one value.

Loads any sequence-classification folder (Nogueira and Cho, 2019). A checkpoint with a single
label gives that logit through the folder's own activation; one with several labels (NLI) needs
``label``, the class whose softmax probability is the raw value. Give its name: checkpoints order
their classes differently.

A pair longer than ``max_length`` is cut, the longer text first; the table counts it. With
``windows`` the output is compared with a long target window by window, and the values are pooled.
Of the target ``question+context`` only the first window then holds the question.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from poq.errors import PoqError
from poq.evaluators.base import NetworkScorer, Reading, Scorer, TransformerSettings
from poq.evaluators.reading import (
    Ints,
    beyond,
    pair_read,
    pooled,
    set_max_length,
    special_tokens,
    token_counter,
    windows,
)

log = logging.getLogger(__name__)


class Settings(TransformerSettings):
    """Joint reading of target and output by a sequence-classification model."""

    kind: Literal["cross_encoder"]
    label: int | str | None = Field(
        None,
        description="Class whose probability is the raw value, by its name in the model's own "
        "configuration (entailment) or by its index; only for several labels.",
    )

    @property
    def architecture(self) -> str:
        """A relevance model, or one of natural language inference, whose classes have a label."""
        return "cross_encoder" if self.label is None else "nli"


def load(settings: Settings, folder: Path | None, device: str) -> Scorer:
    """Return the scorer of a sequence-classification folder.

    Raw values are the activation's range for one label, [0, 1] for a class probability.

    Raises:
        PoqError: the folder holds no sequence-classification model, ``label`` is none of its
            labels, or ``max_length`` exceeds the model's positions.
    """
    from sentence_transformers import CrossEncoder
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    architectures = config.architectures or []
    if not any(name.endswith("ForSequenceClassification") for name in architectures):
        # Loading it all the same would score with a random head.
        raise PoqError(f"{folder}: holds {architectures}; expected a ...ForSequenceClassification")
    label = label_index(settings.label, config.id2label, folder)
    model = CrossEncoder(str(folder), device=device, local_files_only=True, trust_remote_code=False)
    limit = set_max_length(model, settings.max_length, folder)
    count = token_counter(model.tokenizer)
    room = None if limit is None else limit - special_tokens(model.tokenizer, pair=True)

    def parts_of(targets: Sequence[str], rooms: Sequence[int | None]) -> list[list[str]]:
        """Return what each output is compared with: its target, or windows of it."""
        return [
            [target] if own is None else windows(target, own, count)
            for target, own in zip(targets, rooms, strict=True)
        ]

    def rooms_of(said: Ints) -> list[int | None]:
        """Return the tokens of a target that are read next to each output; None for all."""
        if room is None:
            return [None] * len(said)
        rooms: list[int | None] = (room - np.minimum(said, room // 2)).tolist()
        return rooms

    def score(outputs: Sequence[str], targets: Sequence[str]) -> NDArray[np.float64]:
        if settings.windows is None:
            parts = [[target] for target in targets]
        else:
            parts = parts_of(targets, rooms_of(count(outputs)))
        values = model.predict(
            [(part, output) for output, own in zip(outputs, parts, strict=True) for part in own],
            batch_size=settings.batch_size,
            apply_softmax=label is not None,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        raw = np.asarray(values, dtype=np.float64)
        chosen = raw if label is None else raw[:, label]
        return pooled(chosen, list(map(len, parts)), settings.windows)

    def reading(outputs: Sequence[str], targets: Sequence[str]) -> Reading:
        said, compared = count(outputs), count(targets)
        if settings.windows is None:
            compared_read, said_read = pair_read(compared, said, room)
            return Reading(compared, compared_read, said, said_read)
        rooms = rooms_of(said)
        parts = [count(own) for own in parts_of(targets, rooms)]
        lost = [beyond(own, most).sum() for own, most in zip(parts, rooms, strict=True)]
        longest = np.array([own.max() for own in parts])
        return Reading(compared, compared - np.array(lost), said, pair_read(longest, said, room)[1])

    return NetworkScorer(model, score, reading, limit)


def label_index(
    label: int | str | None, names: Mapping[int, str], folder: Path | None
) -> int | None:
    """Return the index of a class; None for a checkpoint with a single label.

    Args:
        label: the index, or the name, in which case does not matter; None for a single label.
        names: index -> name of the checkpoint's labels.
        folder: the model's folder, for the message.

    Raises:
        PoqError: the checkpoint has no such label, or ``label`` is missing or superfluous.
    """
    if label is None and len(names) == 1:
        return None
    index = {name.lower(): number for number, name in names.items()}
    found = index.get(label.lower()) if isinstance(label, str) else label
    if found is None or found not in names or len(names) == 1:
        listed = ", ".join(f"{number} ({name})" for number, name in sorted(names.items()))
        expected = "no label, which is for several" if len(names) == 1 else f"one of {listed}"
        raise PoqError(
            f"{folder}: label is {label!r}, the checkpoint has {len(names)} label(s); expected "
            f"{expected}"
        )
    log.info("raw value: probability of label %d, %r", found, names[found])
    return found
