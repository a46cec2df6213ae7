from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from benchmarks.audit import dealt, main, verdicts_of_both
from poq import tables
from tests.conftest import Frames

PROMPTS, MODELS = 24, 4


@pytest.fixture
def run(frame: Frames, demo_config: dict[str, Any], tmp_path: Path) -> Path:
    """A run's folder with one reliable dimension and one that knows nothing."""
    rng = np.random.default_rng(1)
    quality = rng.random(PROMPTS * MODELS)
    keys = {
        "prompt_id": [f"q{i:02}" for i in range(PROMPTS) for _ in range(MODELS)],
        "model": [f"m{i}" for _ in range(PROMPTS) for i in range(MODELS)],
        "split": [("calibration", "test")[i % 2] for i in range(PROMPTS) for _ in range(MODELS)],
    }
    dimensions = frame("dimensions", **keys).with_columns(
        pl.Series("good", (quality + rng.normal(0, 0.1, len(quality))).clip(0, 1)),
        pl.Series("blind", rng.random(len(quality))),
        pl.Series("blind.part", rng.random(len(quality))),
    )
    known = frame("reference_quality", **keys, token_f1=quality.tolist())
    tables.write(dimensions, "dimensions", tmp_path / "dimensions.parquet", {})
    tables.write(known, "reference_quality", tmp_path / "reference_quality.parquet", {})
    demo_config["bootstrap"]["resamples"] = 200
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(demo_config))
    return tmp_path


def test_it_tells_how_often_each_is_found(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--run", str(run), "--seeds", "3"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    # One task, and pooled: 12 calibration prompts of 4 models.
    planted = [line for line in lines if line[:1] in (["qa"], ["pooled"])]
    # Ten of each sort, three seeds.
    assert [line[:4] for line in planted] == [
        ["qa", "random", "30", "48"], ["qa", "negated", "30", "48"],
        ["pooled", "random", "30", "48"], ["pooled", "negated", "30", "48"],
    ]  # fmt: skip
    assert [line[5:] for line in planted if line[1] == "negated"] == [["1.000", "1.000"]] * 2
    # Two dimensions, signals left out, of one task and pooled; times three seeds.
    assert [line[-3] for line in lines[-2:]] == ["4", "12"]


def test_prompts_are_dealt_anew_whole_and_as_many(run: Path) -> None:
    rows = tables.read("dimensions", run / "dimensions.parquet")
    found = dealt(rows, 1)
    assert found.drop("split").equals(rows.drop("split"))
    assert found.group_by("prompt_id").agg(pl.col("split").n_unique())["split"].max() == 1
    assert (found["split"] == "calibration").sum() == PROMPTS * MODELS / 2
    assert not found["split"].equals(rows["split"])


def test_intervals_overlap_unless_one_ends_before_the_other(frame: Frames) -> None:
    def pair(*ends: float | None) -> bool:
        rows = frame(
            "dimension_audit", split=["calibration", "test"],
            pearson_low=[ends[0], ends[2]], pearson_high=[ends[1], ends[3]],
        )  # fmt: skip
        return bool(verdicts_of_both(rows)["overlap"].item())

    assert pair(0.1, 0.3, 0.2, 0.4)
    assert not pair(0.1, 0.2, 0.3, 0.4)
    assert not pair(0.3, 0.4, 0.1, 0.2)
    assert pair(None, None, 0.1, 0.2)
