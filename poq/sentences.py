"""Sentences of a text, and the one that an output rests on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from math import fsum

_END = re.compile(r"(?<=[.!?])([\"')\]]*)\s+(?=[\"'(\[]?[A-Z0-9])")
_WORD = re.compile(r"\w+")


def sentences(text: str) -> list[str]:
    """Return the sentences of a text in order, without the white space around them.

    A sentence ends at ``.``, ``!`` or ``?`` before white space and a capital or digit, which
    takes an abbreviation before a name ("Dr. Voss") for an end. No text, no sentence.
    """
    stripped = text.strip()
    ends = _ends(stripped)
    bounds = zip([0, *ends], [*ends, len(stripped)], strict=True)
    return [stripped[start:end].strip() for start, end in bounds if stripped]


def leading_sentences(text: str, count: int) -> str:
    """Return the first ``count`` sentences as they stand; the whole text if it has no more."""
    stripped = text.strip()
    ends = _ends(stripped)
    return stripped[: ends[count - 1]].strip() if len(ends) >= count else stripped


def evidence(context: str, question: str, output: str) -> str:
    """Return the sentence of the context that an output most likely rests on.

    The one with the largest share of the output's words, plus half of its share of the question's;
    of equal ones the first. Words are compared in lower case, and count as often as sentences lack
    them: one that is in every sentence counts nothing (inverse document frequency, within the
    context). A context without sentences gives an empty text.
    """
    found = sentences(context)
    if len(found) < 2:
        return "".join(found)
    words = [_words(sentence) for sentence in found]
    holding = Counter(word for of in words for word in of)
    said, asked = (_shares(text, words, holding) for text in (output, question))
    support = [own + wanted / 2 for own, wanted in zip(said, asked, strict=True)]
    return found[support.index(max(support))]


def _shares(text: str, sentences: list[set[str]], holding: Mapping[str, int]) -> list[float]:
    """Return how much of a text's words, by weight, each sentence has; 0 if none has weight.

    ``holding`` is the number of sentences that hold a word.
    """
    weights = {word: 1 - holding.get(word, 0) / len(sentences) for word in _words(text)}
    # Exact sums: those of floats would depend on the order of a set, which differs by process.
    total = fsum(weights.values())
    return [
        fsum(weights[word] for word in words & weights.keys()) / total if total else 0.0
        for words in sentences
    ]


def _ends(text: str) -> list[int]:
    return [match.end(1) for match in _END.finditer(text)]


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))
