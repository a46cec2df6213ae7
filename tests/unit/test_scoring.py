from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from poq import kinds, tables
from poq.errors import PoqError
from poq.evaluators.base import FittedScale, FixedScale, Target, Verdicts
from poq.scoring import (
    fit_scale,
    raw_values,
    sampled_prompts,
    score_outputs,
    targets,
    to_scores,
)
from tests.conftest import Frames

nan, inf = float("nan"), float("inf")
Floats = NDArray[np.float64]


def lexical(compares_with: str, scale: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "lexical", "compares_with": compares_with, "scale": scale}


FIXED = {"method": "fixed", "low": 0, "high": 0.5}
FITTED = {"method": "fitted", "low_quantile": 0, "high_quantile": 1}


@pytest.fixture
def prompts(frame: Frames) -> pl.DataFrame:
    return frame(
        "prompts",
        prompt_id=["a", "b", "c", "s"],
        task=["qa", "qa", "qa", "summarization"],
        question=["Which wood?", "Who?", "Why?", None],
        context=["old oak gates", "Mayor Voss spoke", "cold wind", "rain fell"],
        references=[["oak", "old oak"], ["Mayor Voss"], ["wind"], ["rain"]],
        split=["calibration", "calibration", "test", "test"],
    )


@pytest.fixture
def outputs(frame: Frames) -> pl.DataFrame:
    return frame(
        "outputs",
        prompt_id=["s", "c", "b", "a", "a"],
        model=["m", "m", "m", "n", "m"],
        output=["rain", "warm wind from sea", "Mayor Smith", " ", "old elm oak"],
    )


def test_scores_on_a_fixed_scale(
    prompts: pl.DataFrame, outputs: pl.DataFrame, tmp_path: Path
) -> None:
    values = lexical("reference", FIXED)
    scores, scales = score_outputs("lex", values, None, prompts, outputs, "cpu", 1)
    tables.write(scores, "scores", tmp_path / "scores.parquet", {})
    tables.write(scales, "scales", tmp_path / "scales.parquet", {})
    found = tables.read("scores", tmp_path / "scores.parquet")
    # Precision against the better reference, over 0.5, times 10, at most 10:
    # a/m: 1/3 of "oak", 2/3 of "old oak" -> 10; a/n is empty; b/m: 1/2 -> 10; c/m: 1/4 -> 5
    assert found.select("prompt_id", "model", "raw", "score").rows() == [
        ("a", "m", pytest.approx(2 / 3), 10),
        ("a", "n", None, 0),
        ("b", "m", 0.5, 10),
        ("c", "m", 0.25, 5),
        ("s", "m", 1, 10),
    ]
    assert found["evaluator"].unique().to_list() == ["lex"]
    assert found["split"].to_list() == ["calibration"] * 3 + ["test"] * 2
    assert tables.read("scales", tmp_path / "scales.parquet").rows() == [
        ("lex", "qa", "reference", "fixed", 0, 0.5, 0),
        ("lex", "summarization", "reference", "fixed", 0, 0.5, 0),
    ]


def test_scores_on_a_scale_fitted_on_the_calibration_split(
    prompts: pl.DataFrame, outputs: pl.DataFrame
) -> None:
    values = lexical("reference", FITTED)
    scores, scales = score_outputs("lex", values, None, prompts, outputs, "cpu", 1)
    # qa: raw 2/3 and 1/2 (the empty output counts not); the test's 1/4 is below them.
    # summarization has no calibration prompt, and so nothing to be fitted on.
    assert scales.sort("task").select("task", "low", "high", "n").rows() == [
        ("qa", 0.5, pytest.approx(2 / 3), 2),
        ("summarization", 0, 0, 0),
    ]
    found = scores.sort("prompt_id", "model").select("prompt_id", "model", "score").rows()
    assert found == [
        ("a", "m", 10), ("a", "n", 0), ("b", "m", 0), ("c", "m", 0), ("s", "m", 5),
    ]  # fmt: skip


def test_all_outputs_empty(prompts: pl.DataFrame, outputs: pl.DataFrame) -> None:
    silent = outputs.with_columns(output=pl.lit(""))
    scores, scales = score_outputs("e", lexical("context", FITTED), None, prompts, silent, "cpu", 1)
    assert scores["raw"].to_list() == [None] * 5
    assert scores["score"].to_list() == [0] * 5
    assert scales["n"].to_list() == [0, 0]


def test_an_output_without_its_prompt_is_refused(
    prompts: pl.DataFrame, outputs: pl.DataFrame
) -> None:
    astray = outputs.with_columns(pl.col("prompt_id").replace("b", "astray"))
    with pytest.raises(PoqError, match="astray"):
        score_outputs("e", lexical("context", FIXED), None, prompts, astray, "cpu", 1)


@pytest.mark.parametrize(
    ("compares_with", "expected"),
    [
        ("reference", [["oak", "old oak"], ["rain"]]),
        ("question", [["Which wood?"], [""]]),
        ("context", [["old oak gates"], ["rain fell"]]),
        ("question+context", [["Which wood?\nold oak gates"], ["rain fell"]]),
        ("question+evidence", [["Which wood?\nold oak gates"], ["rain fell"]]),
    ],
)
def test_targets(prompts: pl.DataFrame, compares_with: Target, expected: list[list[str]]) -> None:
    rows = prompts.filter(pl.col("prompt_id").is_in(["a", "s"])).with_columns(output=pl.lit("oak"))
    assert targets(rows, compares_with) == expected


def test_evidence_is_that_of_each_output() -> None:
    rows = pl.DataFrame(
        {"question": "Who?", "context": "Ann spoke. Bo sang.", "output": ["Bo", "Ann"]}
    )
    assert targets(rows, "question+evidence") == [["Who?\nBo sang."], ["Who?\nAnn spoke."]]


class Recorder:
    """Scores a pair by the length of its target, and keeps what it was shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, str]] = []

    def __call__(self, outputs: Sequence[str], targets: Sequence[str]) -> Floats:
        self.shown += zip(outputs, targets, strict=True)
        return np.array([len(target) - 3.0 for target in targets])


def test_a_prompt_without_reference_cannot_be_compared_with_one(frame: Frames) -> None:
    rows = frame("prompts", prompt_id=["p", "q"], references=[["a"], []])
    with pytest.raises(PoqError, match="prompt q has no reference; expected one to compare with"):
        targets(rows, "reference")


def test_raw_value_is_the_best_over_targets_and_empty_outputs_are_not_shown() -> None:
    scorer = Recorder()
    found = raw_values(scorer, ["x", " \n", "y"], [["a", "bb"], ["cccc"], ["d"]])
    np.testing.assert_array_equal(found.values, [-1, nan, -2])
    assert found.missing == [None] * 3
    assert scorer.shown == [("x", "a"), ("x", "bb"), ("y", "d")]


def fails_on_b(outputs: Sequence[str], targets: Sequence[str]) -> Verdicts:
    """Score 7 whatever is not compared with "b"."""
    return Verdicts(
        np.array([nan if target == "b" else 7.0 for target in targets]),
        ["no answer" if target == "b" else None for target in targets],
    )


def test_a_value_is_missing_if_it_is_for_one_of_its_targets() -> None:
    found = raw_values(fails_on_b, ["x", "y", "z", ""], [["a", "b"], ["b"], ["a"], ["b"]])
    np.testing.assert_array_equal(found.values, [nan, nan, 7, nan])
    assert found.missing == ["no answer", "no answer", None, None]


def test_a_value_that_is_not_finite_is_an_error_unless_it_is_missing() -> None:
    with pytest.raises(PoqError, match="not finite for output 'x'"):
        raw_values(lambda outputs, targets: np.array([nan]), ["x"], [["a"]])


def test_sampled_evaluator_scores_prompts_of_the_test_split_alone(
    frame: Frames, outputs: pl.DataFrame, prompts: pl.DataFrame, tmp_path: Path
) -> None:
    more = frame("prompts", prompt_id=["d", "e"], task="qa", context="elm", split="test")
    given = frame("outputs", prompt_id=["d", "e"], model="m", output=["", "elm"])
    values = lexical("context", FIXED) | {"sample": 2}
    scores, _ = score_outputs(
        "lex", values, None, pl.concat([prompts, more]), pl.concat([outputs, given]), "cpu", 1
    )
    tables.write(scores, "scores", tmp_path / "scores.parquet", {})
    kept = scores.filter(pl.col("missing").is_null())
    # c, d and e are qa's test prompts, of which two are drawn; s is the only one of its task.
    assert len(kept) == 3
    assert set(kept["prompt_id"]) < {"c", "d", "e", "s"}
    assert "s" in set(kept["prompt_id"])
    others = scores.filter(pl.col("missing").is_not_null())
    assert others.select("score", "raw").null_count().row(0) == (len(others),) * 2
    assert others["missing"].unique().to_list() == ["not in the evaluator's sample"]


def test_samples_are_seeded_and_shared(frame: Frames) -> None:
    prompts = frame("prompts", prompt_id=[f"p{i}" for i in range(40)], task="qa", split="test")
    drawn = sampled_prompts(prompts, 5, 1)
    assert len(set(drawn)) == 5
    assert drawn == sampled_prompts(prompts.reverse(), 5, 1) != sampled_prompts(prompts, 5, 2)
    assert set(drawn) < set(sampled_prompts(prompts, 9, 1))
    assert sampled_prompts(prompts, None, 1) == prompts["prompt_id"].to_list()


def test_sample_needs_a_fixed_scale() -> None:
    with pytest.raises(ValidationError, match="fitted scale, which needs all prompts"):
        kinds.settings("poq.evaluators", lexical("context", FITTED) | {"sample": 2})


def test_an_evaluator_is_not_run_on_nothing() -> None:
    scorer = Recorder()
    np.testing.assert_array_equal(raw_values(scorer, ["", " "], [["a"], ["b"]]).values, [nan, nan])
    assert scorer.shown == []


def scored(raw: list[float | None], splits: list[str]) -> pl.DataFrame:
    return pl.DataFrame(
        {"raw": raw, "split": splits}, schema={"raw": pl.Float64, "split": pl.String}
    )


def test_fitted_scale_takes_quantiles_of_the_calibration_split() -> None:
    # of 0, 1, ..., 10: quantile 0.1 is 1, quantile 0.8 is 8
    rows = scored([*map(float, range(11)), 99.0, None], ["calibration"] * 11 + ["test"] * 2)
    scale = FittedScale(low_quantile=0.1, high_quantile=0.8)
    assert fit_scale(rows, scale) == pytest.approx({"low": 1, "high": 8, "n": 11})


@pytest.mark.parametrize(
    ("raw", "splits", "expected"),
    [
        ([0.3, 0.3], ["calibration"] * 2, {"low": 0.3, "high": 0.3, "n": 2}),
        ([0.7], ["calibration"], {"low": 0.7, "high": 0.7, "n": 1}),
        ([None, 0.4], ["calibration", "test"], {"low": 0.0, "high": 0.0, "n": 0}),
        ([], [], {"low": 0.0, "high": 0.0, "n": 0}),
    ],
    ids=["constant", "one row", "no value", "no row"],
)
def test_degenerate_fits_have_no_width(
    raw: list[float | None], splits: list[str], expected: dict[str, float]
) -> None:
    assert fit_scale(scored(raw, splits), FittedScale()) == pytest.approx(expected)


def test_fixed_scale_is_fitted_on_nothing() -> None:
    rows = scored([5.0], ["calibration"])
    assert fit_scale(rows, FixedScale(low=-1, high=1)) == {"low": -1, "high": 1, "n": 0}


@pytest.mark.parametrize(
    ("raw", "low", "high", "score"),
    [
        (0.0, -1.0, 1.0, 5.0),
        (-1.0, -1.0, 1.0, 0.0),
        (1.0, -1.0, 1.0, 10.0),
        (0.5, -1.0, 1.0, 7.5),
        (7.0, -1.0, 1.0, 10.0),  # clipped
        (-7.0, -1.0, 1.0, 0.0),
        (inf, 0.0, 1.0, 10.0),
        (0.3, 0.3, 0.3, 5.0),  # no width
        (9.0, 0.3, 0.3, 5.0),
        (nan, 0.0, 1.0, 0.0),  # an empty output
        (nan, 0.3, 0.3, 0.0),
    ],
)
def test_to_scores(raw: float, low: float, high: float, score: float) -> None:
    found = to_scores(np.array([raw]), np.array([low]), np.array([high]))
    np.testing.assert_allclose(found, [score])
