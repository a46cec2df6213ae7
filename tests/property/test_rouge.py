from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from poq.metrics.rouge import METRICS, rouge

TEXTS = st.lists(st.sampled_from(["cat", "dogs", "running", "the"]), max_size=6).map(" ".join)


@given(TEXTS, TEXTS)
def test_f_measures_are_symmetric_and_in_the_unit_interval(a: str, b: str) -> None:
    found = rouge(a, [b])
    assert found == rouge(b, [a])
    assert all(0 <= found[metric] <= 1 for metric in METRICS)
    assert found["rougeL"] <= found["rouge1"]


@given(TEXTS, TEXTS, TEXTS)
def test_the_best_reference_counts(output: str, a: str, b: str) -> None:
    both, first, second = rouge(output, [a, b]), rouge(output, [a]), rouge(output, [b])
    assert both == {metric: max(first[metric], second[metric]) for metric in METRICS}


@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=3))
def test_values_are_those_of_the_library(output: str, references: list[str]) -> None:
    scores = RougeScorer(list(METRICS), use_stemmer=True).score_multi(references, output)
    assert rouge(output, references) == {metric: scores[metric].fmeasure for metric in METRICS}
