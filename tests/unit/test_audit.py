from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from poq import tables
from poq.audit import audit, redundancy, verdict
from poq.metrics.bootstrap import Estimate
from tests.conftest import Frames

nan = float("nan")


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        (Estimate(0.5, 0.2, 0.7), "reliable"),
        (Estimate(0.1, 0.01, 0.2), "reliable"),  # at least the minimum
        (Estimate(0.09, 0.01, 0.2), "useless"),  # surely above 0, but too little
        (Estimate(0.5, -0.01, 0.9), "useless"),
        (Estimate(0.5, 0.0, 0.9), "useless"),
        (Estimate(-0.05, -0.09, -0.01), "harmful"),
        (Estimate(-0.5, -0.9, 0.0), "useless"),
        (Estimate(nan, nan, nan), "useless"),
        (Estimate(0.9, nan, nan), "useless"),  # one prompt
    ],
)
def test_verdict(estimate: Estimate, expected: str) -> None:
    assert verdict(estimate, 0.1) == expected


QUALITY = [0.1, 0.2, 0.3, 0.4, 0.5]
MIXED = [0.2, 0.1, 0.4, 0.3, 0.5]


@pytest.fixture
def rows(frame: Frames) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Five test prompts of each task, two of the calibration split, one model."""
    keys = {
        "prompt_id": [f"{task}{i}" for task in "qs" for i in range(7)],
        "model": ["m"] * 14,
        "task": ["qa"] * 7 + ["summarization"] * 7,
        "split": (["test"] * 5 + ["calibration"] * 2) * 2,
    }
    dimensions = frame("dimensions", **keys).with_columns(
        pl.Series("good", [*MIXED, 0.3, 0.2, *(1 - v for v in MIXED), 0.0, 0.1]),
        pl.Series("flat", [0.5] * 14),
        pl.Series("good.part", [*MIXED[:4], None, 0.1, 0.2, *MIXED, None, 0.3]),
    )
    quality = frame(
        "reference_quality", **keys, token_f1=[*QUALITY, 0.1, 0.2] * 2, rouge1=0.5
    ).with_columns(human=pl.Series([0.5, *QUALITY[1:], None, None] * 2))
    return dimensions, quality


def found_in(rows: tuple[pl.DataFrame, pl.DataFrame], seed: int = 3) -> pl.DataFrame:
    return audit(
        *rows, reference_based={"good": True, "flat": False}, minimum=0.1,
        resamples=200, confidence=0.9, seed=seed,
    )  # fmt: skip


def one(found: pl.DataFrame, dimension: str, task: str, split: str, reference: str) -> pl.DataFrame:
    return found.filter(
        (pl.col("dimension") == dimension) & (pl.col("task") == task)
        & (pl.col("split") == split) & (pl.col("reference") == reference)
    )  # fmt: skip


def test_every_column_task_split_and_reference_has_a_row(
    rows: tuple[pl.DataFrame, pl.DataFrame], tmp_path: Path
) -> None:
    found = found_in(rows)
    # 3 columns x (2 tasks + pooled) x 2 splits x (5 metrics + human)
    assert len(found) == 3 * 3 * 2 * 6
    tables.write(found, "dimension_audit", tmp_path / "a.parquet", {})
    kept = tables.read("dimension_audit", tmp_path / "a.parquet")
    assert kept.select("dimension", "part_of", "reference_based").unique().sort(
        pl.all()
    ).rows() == [
        ("flat", None, False),
        ("good", None, True),
        ("good.part", "good", True),  # a signal is made of what its dimension is made of
    ]


@pytest.mark.parametrize(
    ("task", "split", "n", "expected"),
    [
        # ranks 2 1 4 3 5 against 1 2 3 4 5: 1 - 6 * (1 + 1 + 1 + 1) / (5 * 24) = 0.8
        ("qa", "test", 5, 0.8),
        ("summarization", "test", 5, -0.8),
        # qualities 0.1 0.2 twice; 0.3 0.2 and 0.0 0.1: means 0.15 each; sxy = -0.005 + 0.005 = 0
        ("pooled", "calibration", 4, 0.0),
        ("qa", "calibration", 2, -1.0),
    ],
)
def test_correlations_of_each_task_and_of_all(
    rows: tuple[pl.DataFrame, pl.DataFrame], task: str, split: str, n: int, expected: float
) -> None:
    (row,) = one(found_in(rows), "good", task, split, "token_f1").to_dicts()
    assert (row["n"], row["n_prompts"]) == (n, n)
    assert row["pearson"] == pytest.approx(expected, abs=1e-12)
    assert row["spearman"] == pytest.approx(expected, abs=1e-12)


def test_a_constant_is_null_and_useless(rows: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    found = found_in(rows)
    for constant in (
        found.filter(pl.col("dimension") == "flat"),
        found.filter(pl.col("reference") == "rouge1"),
    ):
        assert constant["pearson"].is_null().all()
        assert constant["pearson_low"].is_null().all()
        assert constant["verdict"].unique().to_list() == ["useless"]


def test_an_output_that_lacks_a_value_is_left_out(rows: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    found = found_in(rows)
    # The last of five has no part.
    assert one(found, "good.part", "qa", "test", "token_f1")["n"].to_list() == [4]
    # Nobody rated the calibration split: no row, no correlation.
    (row,) = one(found, "good", "qa", "calibration", "human").to_dicts()
    assert (row["n"], row["n_prompts"], row["pearson"], row["verdict"]) == (0, 0, None, "useless")


def test_the_order_of_rows_and_other_columns_change_nothing(
    rows: tuple[pl.DataFrame, pl.DataFrame],
) -> None:
    dimensions, quality = rows
    whole = found_in(rows)
    assert found_in((dimensions.reverse(), quality.reverse())).equals(whole)
    alone = found_in((dimensions.drop("flat", "good.part"), quality.drop("human")))
    kept = whole.filter((pl.col("dimension") == "good") & (pl.col("reference") != "human"))
    assert_frame_equal(alone, kept, rel_tol=1e-12)


def test_redundancy_is_between_dimensions_on_the_test_split(
    rows: tuple[pl.DataFrame, pl.DataFrame], tmp_path: Path
) -> None:
    dimensions = rows[0].with_columns(again=1 - pl.col("good") / 2)
    found = redundancy(dimensions, resamples=200, confidence=0.9, seed=3)
    tables.write(found, "dimension_redundancy", tmp_path / "r.parquet", {})
    kept = tables.read("dimension_redundancy", tmp_path / "r.parquet")
    assert kept.select("dimension", "other", "task", "n").filter(pl.col("task") == "qa").rows() == [
        ("again", "flat", "qa", 5),
        ("again", "good", "qa", 5),
        ("flat", "good", "qa", 5),
    ]
    pair = kept.filter((pl.col("dimension") == "again") & (pl.col("other") == "good"))
    assert pair["pearson"].to_list() == pytest.approx([-1.0] * 3)
    assert kept.filter(pl.col("dimension") == "flat")["pearson"].is_null().all()


def test_one_dimension_has_no_redundancy(
    rows: tuple[pl.DataFrame, pl.DataFrame], tmp_path: Path
) -> None:
    found = redundancy(
        rows[0].select("prompt_id", "model", "task", "split", "good"),
        resamples=100, confidence=0.9, seed=3,
    )  # fmt: skip
    tables.write(found, "dimension_redundancy", tmp_path / "r.parquet", {})
    assert tables.read("dimension_redundancy", tmp_path / "r.parquet").is_empty()


SEEDS = 200


def test_what_is_useless_or_harmful_is_found_at_more_than_19_in_20_seeds(frame: Frames) -> None:
    """20 prompts of 5 models; half of the quality is the prompt's, so rows are not independent."""
    keys = {
        "prompt_id": [f"q{i:02}" for i in range(20) for _ in range(5)],
        "model": [f"m{i}" for _ in range(20) for i in range(5)],
        "split": ["calibration"] * 100,
    }
    rows = frame("dimensions", **keys)
    verdicts = []
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        levels = 0.5 + 0.1 * (rng.normal(size=(20, 1)) + rng.normal(size=(20, 5)))
        quality = levels.clip(0, 1).ravel()
        noise = rng.normal(0, 0.15, (2, 100))
        planted = {
            "good": (quality + noise[0]).clip(0, 1),
            "negated": (1 - quality + noise[1]).clip(0, 1),
            "random": rng.random(100),
            "random_prompt": np.repeat(rng.random(20), 5),  # all outputs of a prompt alike
        }
        found = audit(
            rows.with_columns(**planted), rows.with_columns(token_f1=pl.Series(quality)),
            reference_based=dict.fromkeys(planted, False),
            minimum=0.1, resamples=500, confidence=0.95, seed=seed,
        )  # fmt: skip
        verdicts.append(found.filter(pl.col("task") == "qa").select("dimension", "verdict"))
    counts = pl.concat(verdicts).group_by("dimension", "verdict").len().rows_by_key("dimension")
    found_as = {name: dict(pairs) for name, pairs in counts.items()}
    enough = 0.95 * SEEDS
    assert found_as["good"]["reliable"] > enough
    assert found_as["negated"]["harmful"] > enough
    for name in ("random", "random_prompt"):
        assert SEEDS - found_as[name].get("reliable", 0) > enough


def test_a_dimension_that_no_output_has_is_useless(
    rows: tuple[pl.DataFrame, pl.DataFrame], tmp_path: Path
) -> None:
    dimensions, quality = rows
    void = dimensions.with_columns(flat=pl.lit(None, pl.Float64))
    found = found_in((void, quality))
    tables.write(found, "dimension_audit", tmp_path / "a.parquet", {})
    of_void = found.filter(dimension="flat")
    sizes = of_void.select("n", "n_prompts", "pearson", "pearson_low", "verdict").unique().rows()
    assert sizes == [(0, 0, None, None, "useless")]
    # The others are as they were.
    others = pl.col("dimension") != "flat"
    assert_frame_equal(found.filter(others), found_in(rows).filter(others))
    pairs = redundancy(void, resamples=20, confidence=0.9, seed=3)
    assert pairs.select("n", "pearson").unique().rows() == [(0, None)]
