"""Token F1 and exact match of SQuAD, with the official normalisation.

Source: Rajpurkar et al. (2016), sec. 6.1, and the official ``evaluate-v1.1.py``: lower-case,
drop punctuation, drop the articles a/an/the, fold white space; the maximum over references.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalized_tokens(text: str) -> list[str]:
    """Return the words of a text after SQuAD's normalisation; empty for "the" or "..."."""
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def token_f1(output: str, references: Sequence[str]) -> float:
    """Return the harmonic mean of token precision and recall, in [0, 1].

    The maximum over references (at least one). Where output or reference has no token after
    normalisation, 1 if neither has and 0 otherwise, as in the SQuAD 2.0 script; version 1.1
    gives 0 in both cases.

    Raises:
        ValueError: there is no reference.
    """
    return max(_f1(normalized_tokens(output), normalized_tokens(r)) for r in references)


def exact_match(output: str, references: Sequence[str]) -> float:
    """Return 1 if the normalised output equals any normalised reference, else 0.

    Raises:
        ValueError: there is no reference.
    """
    output_tokens = normalized_tokens(output)
    return max(float(output_tokens == normalized_tokens(r)) for r in references)


def _f1(output: list[str], reference: list[str]) -> float:
    if not output or not reference:
        return float(output == reference)
    overlap = (Counter(output) & Counter(reference)).total()
    return 2 * overlap / (len(output) + len(reference))
