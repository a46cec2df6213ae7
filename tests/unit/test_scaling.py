from typing import Any

import numpy as np
import polars as pl
import pytest

from poq.evaluators.scale import FittedScale, FixedScale
from poq.scaling import fit_scale, scale_scores, to_scores
from poq.schema import TABLES
from tests.conftest import Frames

nan, inf = float("nan"), float("inf")

FIXED = {"method": "fixed", "low": 0, "high": 0.5}
FITTED = {"method": "fitted", "low_quantile": 0, "high_quantile": 1}


@pytest.fixture
def prompts(frame: Frames) -> pl.DataFrame:
    return frame(
        "prompts",
        prompt_id=["a", "b", "c", "s"],
        task=["qa", "qa", "qa", "summarization"],
        split=["calibration", "calibration", "test", "test"],
    )


@pytest.fixture
def raw(frame: Frames) -> pl.DataFrame:
    """Return raw values; a/n is an empty output, and s/n could not be scored."""
    return frame(
        "raw_scores",
        prompt_id=["s", "c", "b", "a", "a", "s"],
        model=["m", "m", "m", "n", "m", "n"],
        evaluator="lex",
        raw=[1, 0.25, 0.5, None, 2 / 3, None],
        missing=[None, None, None, None, None, "no answer"],
        target_tokens=[9, 3, 4, None, 4, 9],
        target_tokens_read=[5, 3, 4, None, 4, 5],
        output_tokens=[2, 6, 1, None, 1, 2],
        output_tokens_read=[2, 5, 1, None, 1, 2],
    )


def scaled(
    scale: dict[str, Any], prompts: pl.DataFrame, raw: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return scores and scales in the types of their tables."""
    found = scale_scores("lex", {"scale": scale, "compares_with": "reference"}, prompts, raw)
    frames = zip(("scores", "scales"), found, strict=True)
    scores, scales = (TABLES[name].frame(rows.to_dicts()) for name, rows in frames)
    return scores, scales


def test_scores_on_a_fixed_scale(prompts: pl.DataFrame, raw: pl.DataFrame) -> None:
    scores, scales = scaled(FIXED, prompts, raw)
    # over 0.5, times 10, at most 10
    assert scores.select("prompt_id", "model", "score", "missing").rows() == [
        ("a", "m", 10, None),
        ("a", "n", 0, None),
        ("b", "m", 10, None),
        ("c", "m", 5, None),
        ("s", "m", 10, None),
        ("s", "n", None, "no answer"),
    ]
    assert scores["evaluator"].unique().to_list() == ["lex"]
    assert scores["split"].to_list() == ["calibration"] * 3 + ["test"] * 3
    assert scores["raw"].to_list() == [pytest.approx(2 / 3), None, 0.5, 0.25, 1, None]
    assert scores.select("target_tokens", "target_tokens_read").rows() == [
        (4, 4), (None, None), (4, 4), (3, 3), (9, 5), (9, 5),
    ]  # fmt: skip
    assert scores["output_tokens_read"].to_list() == [1, None, 1, 5, 2, 2]
    assert scales.rows() == [
        ("lex", "qa", "reference", "fixed", 0, 0.5, 0),
        ("lex", "summarization", "reference", "fixed", 0, 0.5, 0),
    ]


def test_scores_on_a_scale_fitted_on_the_calibration_split(
    prompts: pl.DataFrame, raw: pl.DataFrame
) -> None:
    scores, scales = scaled(FITTED, prompts, raw)
    # qa: raw 2/3 and 1/2 (the empty output counts not); the test's 1/4 is below them.
    # summarization has no calibration prompt, and so nothing to be fitted on.
    assert scales.select("task", "low", "high", "n").rows() == [
        ("qa", 0.5, pytest.approx(2 / 3), 2),
        ("summarization", 0, 0, 0),
    ]
    assert scores["score"].to_list() == [10, 0, 0, 0, 5, None]


def test_all_outputs_empty(prompts: pl.DataFrame, raw: pl.DataFrame) -> None:
    silent = raw.with_columns(raw=pl.lit(None, pl.Float64), missing=pl.lit(None, pl.String))
    scores, scales = scaled(FITTED, prompts, silent)
    assert scores["score"].to_list() == [0] * 6
    assert scales["n"].to_list() == [0, 0]


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
