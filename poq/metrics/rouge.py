"""ROUGE-1, ROUGE-2 and ROUGE-L F-measures (Lin, 2004), by Google's ``rouge-score``.

With Porter stemming, as is usual for CNN/DailyMail. ROUGE-L is the sentence-level variant: the
longest common subsequence over the whole text.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from rouge_score.rouge_scorer import RougeScorer

METRICS = ("rouge1", "rouge2", "rougeL")


@cache
def _scorer() -> RougeScorer:
    return RougeScorer(list(METRICS), use_stemmer=True)


def rouge(output: str, references: Sequence[str]) -> dict[str, float]:
    """Return the F-measure of each of :data:`METRICS`, in [0, 1], maximum over references.

    Texts without a word (and, for ROUGE-2, texts of a single word) share no n-gram and score 0.

    Raises:
        ValueError: there is no reference.
    """
    if not references:
        raise ValueError("rouge needs at least one reference")
    scores = _scorer().score_multi(list(references), output)
    return {metric: float(scores[metric].fmeasure) for metric in METRICS}
