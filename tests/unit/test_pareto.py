import math
from pathlib import Path

import polars as pl
import pytest

from poq import tables
from poq.pareto import find_front, front
from tests.conftest import Frames


@pytest.mark.parametrize(
    ("quality", "seconds", "expected"),
    [
        # c is slower than a and no better; b pays for its seconds.
        ([0.3, 0.5, 0.3], [1, 2, 1.5], [True, True, False]),
        # Equal points stand on the front together, and are beaten together.
        ([0.5, 0.5], [1, 1], [True, True]),
        ([0.5, 0.5, 0.6], [1, 1, 1], [False, False, True]),
        # As good but slower, as fast but worse: beaten.
        ([0.5, 0.5], [1, 2], [True, False]),
        ([0.5, 0.4], [1, 1], [True, False]),
        # An unknown quality is not on the front and beats nobody.
        ([math.nan, 0.1], [1, 2], [False, True]),
        ([0.2], [3], [True]),
    ],
)
def test_front(quality: list[float], seconds: list[float], expected: list[bool]) -> None:
    assert front(quality, seconds).tolist() == expected


def test_front_of_many_resamples_at_once() -> None:
    assert front([[0.1, 0.2], [0.2, 0.1]], [1, 2]).tolist() == [[True, True], [True, False]]


def evidence(frame: Frames) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Two test prompts; "dear" wins the first by much, "cheap" the second by little."""
    quality = frame(
        "reference_quality",
        prompt_id=["p", "p", "q", "q", "z", "z"],
        model=["cheap", "dear"] * 3,
        task="qa",
        split=["test"] * 4 + ["calibration"] * 2,
        token_f1=[0.0, 0.8, 0.6, 0.4, 1.0, 0.0],
        exact_match=0.0,
    )
    costs = frame("costs", node=["cheap", "dear"], kind="inference", task="qa", seconds=[1.0, 2.0])
    return quality, costs


def test_share_of_resamples_on_the_front(frame: Frames, tmp_path: Path) -> None:
    found = find_front(*evidence(frame), resamples=4000, seed=1)
    tables.write(found, "pareto", tmp_path / "pareto.parquet", {})
    rows = {(row["node"], row["reference"]): row for row in found.iter_rows(named=True)}
    dear, cheap = rows["dear", "token_f1"], rows["cheap", "token_f1"]
    # Means (0.8 + 0.4) / 2 = 0.6 and (0 + 0.6) / 2 = 0.3: both on the front, as cheap is faster.
    assert (dear["quality"], cheap["quality"]) == pytest.approx((0.6, 0.3))
    assert (dear["front"], cheap["front"]) == (True, True)
    assert (dear["n"], dear["n_prompts"], dear["seconds"]) == (2, 2, 2.0)
    # Resamples pp, pq, qp leave dear ahead, qq (one in four) does not: 3/4, four standard
    # deviations are 4 * sqrt(3/16 / 4000) = 0.027. The cheapest is always on the front.
    assert dear["front_share"] == pytest.approx(0.75, abs=0.027)
    assert cheap["front_share"] == 1
    # Equal qualities: the dearer is beaten by the cheaper, always.
    assert (rows["dear", "exact_match"]["front"], rows["dear", "exact_match"]["front_share"]) == (
        False,
        0.0,
    )


def test_without_seconds_nobody_knows_the_front(frame: Frames, tmp_path: Path) -> None:
    quality, costs = evidence(frame)
    unknown = costs.with_columns(seconds=pl.lit(None, pl.Float64))
    human = quality.with_columns(human=1 - pl.col("token_f1"))
    found = find_front(human, unknown, resamples=100, seed=1)
    tables.write(found, "pareto", tmp_path / "pareto.parquet", {})
    assert set(found["reference"]) == {"token_f1", "exact_match", "human"}
    assert found.select("seconds", "front", "front_share").null_count().row(0) == (6, 6, 6)
    # 1 - (0 + 0.6) / 2
    cheap = found.filter((pl.col("node") == "cheap") & (pl.col("reference") == "human"))
    assert cheap["quality"].to_list() == pytest.approx([0.7])


def test_one_prompt_has_no_share(frame: Frames) -> None:
    quality, costs = evidence(frame)
    found = find_front(quality.filter(pl.col("prompt_id") == "p"), costs, resamples=100, seed=1)
    assert found["front_share"].is_null().all()
