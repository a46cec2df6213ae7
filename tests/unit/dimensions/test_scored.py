"""Dimensions that are made of evaluators' scores: semantic, alignment, evaluator agreement."""

from __future__ import annotations

import polars as pl
import pytest
from pydantic import ValidationError

from poq import kinds
from tests.conftest import Frames
from tests.unit.dimensions.conftest import MakeInputs, Measure

OUTPUTS = dict.fromkeys([("q1", "a"), ("q1", "b"), ("q2", "a")], "x")


@pytest.fixture
def scores(frame: Frames) -> pl.DataFrame:
    """Three evaluators; `judge` scored one output, `e2` two of three."""
    rows = [
        ("e1", "q1", "a", 2.0), ("e1", "q1", "b", 7.0), ("e1", "q2", "a", 10.0),
        ("e2", "q1", "a", 6.0), ("e2", "q1", "b", None), ("e2", "q2", "a", 0.0),
        ("judge", "q1", "a", 4.0), ("judge", "q1", "b", None), ("judge", "q2", "a", None),
    ]  # fmt: skip
    evaluator, prompt, model, score = map(list, zip(*rows, strict=True))
    return frame("scores", evaluator=evaluator, prompt_id=prompt, model=model, score=score)


@pytest.mark.parametrize("kind", ["semantic", "alignment"])
def test_the_mean_of_the_scores_that_there_are(
    kind: str, inputs: MakeInputs, measure: Measure, scores: pl.DataFrame
) -> None:
    given = inputs(OUTPUTS, scores=scores)
    # (2 + 6) / 2 / 10; 7 / 10 alone; (10 + 0) / 2 / 10. The judge is not asked.
    assert measure(kind, given, evaluators=["e1", "e2"]) == pytest.approx(
        {("q1", "a"): 0.4, ("q1", "b"): 0.7, ("q2", "a"): 0.5}
    )
    # An output that no evaluator scored has no row.
    assert measure(kind, given, evaluators=["judge"]) == pytest.approx({("q1", "a"): 0.4})


def test_agreement_is_one_less_the_spread_of_scores(
    inputs: MakeInputs, measure: Measure, scores: pl.DataFrame
) -> None:
    given = inputs(OUTPUTS, scores=scores)
    found = measure("evaluator_agreement", given, evaluators=["e1", "e2", "judge"])
    # 2, 6, 4: mean 4, sd sqrt(8 / 3). 10, 0: sd 5, the largest. One score: none.
    assert found == pytest.approx(
        {("q1", "a"): 1 - (8 / 3) ** 0.5 / 5, ("q1", "b"): None, ("q2", "a"): 0.0}
    )


@pytest.mark.parametrize(
    ("kind", "names"), [("semantic", []), ("alignment", []), ("evaluator_agreement", ["e1"])]
)
def test_too_few_evaluators_are_refused(kind: str, names: list[str]) -> None:
    with pytest.raises(ValidationError, match="at least"):
        kinds.settings("poq.dimensions", {"kind": kind, "evaluators": names})
