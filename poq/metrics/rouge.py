"""ROUGE-1, ROUGE-2 and ROUGE-L F-measures (Lin, 2004), by Google's ``rouge-score``.

With Porter stemming, as is usual for CNN/DailyMail. ROUGE-L is the sentence-level variant: the
longest common subsequence over the whole text. Its length is found here, with the same result:
``rouge-score`` keeps the whole table of it, which two texts of a megabyte fill any memory with.

The package is loaded with the first text: it takes seconds, and the names of what is measured
here are read whenever the workflow is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rouge_score.rouge_scorer import RougeScorer
    from rouge_score.tokenizers import DefaultTokenizer

METRICS = ("rouge1", "rouge2", "rougeL")


@cache
def _tokenizer() -> DefaultTokenizer:
    from rouge_score.tokenizers import DefaultTokenizer

    return DefaultTokenizer(use_stemmer=True)


@cache
def _scorer() -> RougeScorer:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rouge1", "rouge2"], tokenizer=_tokenizer())


def rouge(output: str, references: Sequence[str]) -> dict[str, float]:
    """Return the F-measure of each of :data:`METRICS`, in [0, 1], maximum over references.

    Texts without a word (and, for ROUGE-2, texts of a single word) share no n-gram and score 0.

    Raises:
        ValueError: there is no reference.
    """
    if not references:
        raise ValueError("rouge needs at least one reference")
    scores = _scorer().score_multi(list(references), output)
    said = _tokenizer().tokenize(output)
    longest = max(_rouge_l(said, _tokenizer().tokenize(reference)) for reference in references)
    return {
        **{metric: float(scores[metric].fmeasure) for metric in METRICS[:2]},
        "rougeL": longest,
    }


def _rouge_l(output: list[str], reference: list[str]) -> float:
    if not output or not reference:
        return 0.0
    from rouge_score import scoring

    common = common_subsequence(output, reference)
    return float(scoring.fmeasure(common / len(output), common / len(reference)))


def common_subsequence(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the longest common subsequence of two texts' words.

    Memory grows with the longer text alone, time with the product of both.
    """
    short, long = sorted((one, other), key=len)
    index = {word: number for number, word in enumerate(dict.fromkeys(long))}
    words = np.array([index[word] for word in long], dtype=np.int64)
    row = np.zeros(len(long) + 1, dtype=np.int64)
    for word in short:
        # A word in both lengthens what is common before it; else the better of both is kept.
        longer = np.where(words == index.get(word, -1), row[:-1] + 1, row[1:])
        row[1:] = np.maximum.accumulate(longer)
    return int(row[-1])
