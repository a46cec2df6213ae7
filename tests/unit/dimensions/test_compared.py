"""Dimensions that are made of similarities between outputs: node agreement, certainty."""

from __future__ import annotations

from math import log

import numpy as np
import polars as pl
import pytest

from poq.dimensions.certainty import certainty
from tests.conftest import Frames
from tests.unit.dimensions.conftest import MakeInputs, Measure

OUTPUTS = dict.fromkeys([("q1", "a"), ("q1", "b"), ("q1", "c"), ("q1", "d"), ("q2", "a")], "x")
PAIRS = [
    ("a", "b", 0.9), ("a", "c", 0.2), ("a", "d", 0.1),
    ("b", "c", 0.8), ("b", "d", 0.3), ("c", "d", 0.0),
]  # fmt: skip


@pytest.fixture
def similarities(frame: Frames) -> dict[str, pl.DataFrame]:
    """Four outputs of one prompt; another prompt has one output."""
    model, other, value = map(list, zip(*PAIRS, strict=True))
    return {
        "static": frame("similarities", prompt_id="q1", model=model, other=other, similarity=value)
    }


def test_agreement_is_the_mean_similarity_to_the_others(
    inputs: MakeInputs, measure: Measure, similarities: dict[str, pl.DataFrame]
) -> None:
    given = inputs(OUTPUTS, similarities=similarities)
    assert measure("node_agreement", given, similarity="static") == pytest.approx(
        {
            ("q1", "a"): 0.4,  # (0.9 + 0.2 + 0.1) / 3
            ("q1", "b"): 2 / 3,  # (0.9 + 0.8 + 0.3) / 3
            ("q1", "c"): 1 / 3,  # (0.2 + 0.8 + 0.0) / 3
            ("q1", "d"): 0.4 / 3,  # (0.1 + 0.3 + 0.0) / 3
        }
    )


@pytest.mark.parametrize(
    ("threshold", "sizes"),
    [(0.8, [3, 1]), (0.85, [2, 1, 1]), (0.95, [1, 1, 1, 1]), (0.3, [4])],
    ids=["a and c chain through b", "one pair", "nobody", "everybody"],
)
def test_certainty_is_one_less_the_entropy_of_clusters(
    threshold: float,
    sizes: list[int],
    inputs: MakeInputs,
    measure: Measure,
    similarities: dict[str, pl.DataFrame],
) -> None:
    given = inputs(OUTPUTS, similarities=similarities)
    found = measure("certainty", given, similarity="static", threshold=threshold)
    entropy = -sum(n / 4 * log(n / 4) for n in sizes)
    expected = 1 - entropy / log(4)
    assert found == pytest.approx(
        {**{("q1", node): expected for node in "abcd"}, ("q2", "a"): None}
    )


def test_the_ends_of_certainty_are_exact() -> None:
    nothing = np.array([], dtype=int)
    for n in range(2, 30):
        assert certainty(n, nothing, nothing) == 0
        assert certainty(n, np.zeros(n - 1, dtype=int), np.arange(1, n)) == 1
    assert certainty(1, nothing, nothing) is None
