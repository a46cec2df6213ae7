import polars as pl
import pytest

from poq.calibration.rungs import rungs, standing
from tests.conftest import Frames


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.01, 0.2, "exceeds"),
        (-0.2, -0.01, "falls short of"),
        (-0.1, 0.1, "matches"),
        (0.0, 0.0, "matches"),
        (None, None, "undecided against"),
    ],
)
def test_standing(low: float | None, high: float | None, word: str) -> None:
    assert standing(low, high) == word


def test_of_baselines_only_the_chosen_one_is_a_rung(frame: Frames) -> None:
    rows = {
        "variant": ["consensus:mean", "consensus:median", "evaluator:a", "evaluator:b", "nnls",
                    "nnls", "default", "without-x"],
        "role": ["consensus", "consensus", "single", "single", "calibrated", "calibrated",
                 "default", "ablation"],
        "scope": ["pooled"] * 4 + ["task", "pooled", "pooled", "pooled"],
    }  # fmt: skip
    test, calibration = (
        frame(
            "calibration", **rows, task="qa", split=split, best_single="b",
            best_consensus="median", pearson=r,
        )
        for split, r in (("test", 0.4), ("calibration", 0.6))
    )  # fmt: skip
    found = rungs(pl.concat([test, calibration]))
    assert found["rung"].to_list() == [
        "default", "without x", "nnls, pooled", "nnls, per task", "best single evaluator",
        "best consensus",
    ]  # fmt: skip
    assert found["variant"].to_list()[-2:] == ["evaluator:b", "consensus:median"]
    assert set(found.select("pearson", "in_sample").rows()) == {(0.4, 0.6)}


def test_without_evaluators_there_are_only_composites(frame: Frames) -> None:
    rows = {"variant": ["default", "evaluator:a"], "role": ["default", "single"]}
    found = rungs(frame("calibration", **rows, split="test"))
    assert found["rung"].to_list() == ["default"]
