"""Lexical evaluator: the share of an output's words that occur in the target.

Clipped unigram precision, the first factor of BLEU (Papineni et al., 2002, sec. 2.1), over
SQuAD-normalised words (lower case, no punctuation, no articles). It sees whether the words were
there to be copied; it cannot see order, negation or relevance. Copying anything scores 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from poq.evaluators.base import EvaluatorSettings, Scorer
from poq.metrics.squad import normalized_tokens


class Settings(EvaluatorSettings):
    """Lexical overlap; needs no model."""

    compares_outputs: ClassVar[bool] = True
    kind: Literal["lexical"]


def load(settings: Settings, folder: Path | None, device: str) -> Scorer:
    """Return the scorer; raw values in [0, 1]."""
    return precision


def precision(outputs: Sequence[str], targets: Sequence[str]) -> NDArray[np.float64]:
    """Return the clipped unigram precision of each output against its target, shape (n,).

    An output that has no word left after normalisation ("the", "...") has precision 0: it says
    nothing that the target supports.
    """
    return np.array([_precision(o, t) for o, t in zip(outputs, targets, strict=True)], dtype=float)


def _precision(output: str, target: str) -> float:
    words = Counter(normalized_tokens(output))
    common = words & Counter(normalized_tokens(target))
    return common.total() / words.total() if words else 0.0
