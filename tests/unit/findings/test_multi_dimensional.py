from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from poq.findings import multi_dimensional
from poq.findings.base import Evidence, NotMeasured, row
from poq.findings.multi_dimensional import above_others, best, dimension, rung
from poq.rewards import RewardSettings
from tests.conftest import Frames

BY_ID = {f.id.removeprefix("multi-dimensional/"): f for f in multi_dimensional.FINDINGS}
KINDS = {"meaning": "semantic", "context": "semantic", "fit": "alignment", "form": "structure"}


def evidence(tables: dict[str, pl.DataFrame]) -> Evidence:
    weights = RewardSettings(alpha=1, beta=1)
    return Evidence(tables, None, weights, 100, 0.9, 1, KINDS)


def rungs(frame: Frames, *rows: tuple[str, str, str, float], **columns: Any) -> pl.DataFrame:
    """Rows (variant, scope, role, r) of table `calibration`, ends of every interval 0.01 away."""
    names = "variant", "scope", "role", "pearson"
    values = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    defaults = {"signals": "all", "task": "pooled", "split": "test", "reference": "token_f1"}
    defaults |= {"best_single": "b", "best_consensus": "median"}
    made = frame("calibration", **defaults | values | columns, n=30, n_prompts=10)
    over = {f"over_{name}": pl.col("pearson") - 0.5 for name in ("default", "single", "consensus")}
    ends = [
        (pl.col(name) + shift).alias(f"{name}_{end}")
        for name in ("pearson", *over)
        for end, shift in (("low", -0.01), ("high", 0.01))
    ]
    return made.with_columns(**over).with_columns(ends)


@pytest.fixture
def ladder(frame: Frames) -> pl.DataFrame:
    return rungs(
        frame,
        ("default", "pooled", "default", 0.5),
        ("reliable", "task", "calibrated", 0.485),
        ("reliable", "pooled", "calibrated", 0.9),
        ("nnls", "task", "calibrated", 0.9),
        ("evaluator:a", "pooled", "single", 0.9),
        ("evaluator:b", "pooled", "single", 0.7),
        ("consensus:mean", "pooled", "consensus", 0.9),
        ("consensus:median", "pooled", "consensus", 0.6),
    )


@pytest.fixture
def audited(frame: Frames) -> pl.DataFrame:
    """`meaning` sees the reference; `form` is the best of the others on the calibration split."""
    rows = [
        (name, split, name == "meaning", r)
        for split, rs in (("calibration", (0.8, 0.6, -0.3, 0.4)), ("test", (0.7, 0.6, -0.4, 0.1)))
        for name, r in zip(KINDS, rs, strict=True)
    ]
    names = "dimension", "split", "reference_based", "pearson"
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    return frame(
        "dimension_audit", task="pooled", reference="token_f1", n=30, n_prompts=10, **columns
    ).with_columns(pearson_low=pl.col("pearson") - 0.1, pearson_high=pl.col("pearson") + 0.1)


def test_the_calibrated_composite_is_that_of_the_audit_task_by_task(ladder: pl.DataFrame) -> None:
    found = rung(evidence({"calibration": ladder}), of=multi_dimensional.CALIBRATED)
    assert found.ours == pytest.approx((0.485, 0.475, 0.495))
    assert (found.n, found.n_prompts, found.whose) == (30, 10, "reliable per task, with token_f1")


def test_the_best_is_the_one_that_the_calibration_split_chose(ladder: pl.DataFrame) -> None:
    tables = evidence({"calibration": ladder})
    assert best(tables, role="single").ours.value == 0.7
    assert best(tables, role="consensus").ours.value == 0.6
    assert best(tables, role="consensus").whose == "consensus:median, with token_f1"
    nobody = evidence({"calibration": ladder.with_columns(best_single=pl.lit(None, pl.String))})
    with pytest.raises(NotMeasured, match="no evaluator scored the calibration split"):
        best(nobody, role="single")


@pytest.mark.parametrize(
    ("r", "name", "verdict"),
    [
        # The interval of the difference to 0.5 is 0.01 to each side.
        (0.52, "calibrated-above-default", "agrees"),
        (0.505, "calibrated-above-default", "not measured"),
        (0.48, "calibrated-above-default", "differs"),
        # -0.005 to 0.015 matches, and so does -0.015 to 0.005: not more than 0.02 below 0.
        (0.505, "calibrated-matches-single", "agrees"),
        (0.495, "calibrated-matches-single", "agrees"),
        (0.48, "calibrated-matches-single", "not measured"),
        (0.46, "calibrated-matches-single", "differs"),
        (0.6, "calibrated-matches-consensus", "agrees"),
        (0.755, "calibrated", "agrees"),
        (0.7, "calibrated", "differs"),
    ],
)
def test_verdicts(frame: Frames, r: float, name: str, verdict: str) -> None:
    ladder = rungs(frame, ("reliable", "task", "calibrated", r))
    assert row(BY_ID[name], "p", evidence({"calibration": ladder}))["verdict"] == verdict


def test_the_semantic_dimension_is_the_one_that_sees_the_reference(
    ladder: pl.DataFrame, audited: pl.DataFrame
) -> None:
    tables = evidence({"calibration": ladder, "dimension_audit": audited})
    found = dimension(tables, kind="semantic")
    assert found.ours == pytest.approx((0.7, 0.6, 0.8))
    assert found.whose == "meaning with token_f1"
    assert row(BY_ID["alignment-harmful"], "p", tables)["verdict"] == "agrees"
    assert row(BY_ID["alignment"], "p", tables)["verdict"] == "agrees"


def test_the_best_other_dimension_is_chosen_on_the_calibration_split(
    frame: Frames, ladder: pl.DataFrame, audited: pl.DataFrame
) -> None:
    # Five test outputs with a quality of ranks 1 to 5: r is 0.8 for `meaning` (1 - 6 * 4 / 120),
    # -0.8 for `form`, 1 for `fit`, which the calibration split ranks behind `form`.
    keys = {"prompt_id": list("abcde"), "model": "m", "split": "test"}
    values = {"meaning": [2, 1, 4, 3, 5], "form": [4, 5, 2, 3, 1], "fit": [1, 2, 3, 4, 5]}
    dimensions = frame("dimensions", **keys).with_columns(
        **{name: pl.Series(ranks) / 5 for name, ranks in values.items()}
    )
    quality = frame("reference_quality", **keys, token_f1=[0.1, 0.2, 0.3, 0.4, 0.5])
    tables = {"calibration": ladder, "dimension_audit": audited, "dimensions": dimensions}
    found = above_others(evidence(tables | {"reference_quality": quality}), kind="semantic")
    assert found.ours.value == pytest.approx(1.6)
    assert (found.n, found.n_prompts) == (5, 5)
    assert found.whose == "meaning less form, with token_f1"


def test_what_the_run_lacks_is_not_measured(
    frame: Frames, ladder: pl.DataFrame, audited: pl.DataFrame
) -> None:
    for finding in multi_dimensional.FINDINGS:
        found = row(finding, "p", evidence({}))
        assert (found["verdict"], found["ours"]) == ("not measured", None)
        assert found["why"] == "no dimensions in this run"
    mixed = ladder.with_columns(reference=pl.lit("rougeL+token_f1"))
    tables = {"calibration": mixed, "dimension_audit": audited}
    with pytest.raises(NotMeasured, match="no reference quality in common"):
        dimension(evidence(tables), kind="semantic")
    with pytest.raises(NotMeasured, match="no dimension of kind certainty"):
        dimension(evidence(tables), kind="certainty")


def test_all_is_second_hand() -> None:
    assert {finding.certainty for finding in multi_dimensional.FINDINGS} == {"second hand"}
    assert len(BY_ID) == 11
