from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from poq.findings import robust
from poq.findings.base import Evidence, NotMeasured, row
from poq.findings.robust import contrast
from poq.rewards import RewardSettings
from tests.conftest import Frames

BY_ID = {finding.id.removeprefix("robust/"): finding for finding in robust.FINDINGS}


def evidence(*rows: pl.DataFrame) -> Evidence:
    weights = RewardSettings(alpha=1, beta=1)
    return Evidence({"contrasts": pl.concat(rows)}, None, weights, 100, 0.9, 1)


def contrasts(frame: Frames, name: str, low: float | None, high: float | None, **columns: Any):  # type: ignore[no-untyped-def]
    """One row of table `contrasts`, its value in the middle of its interval."""
    value = None if low is None or high is None else (low + high) / 2
    defaults = {"k": 5, "malicious_ratio": 0.3, "nodes": 20, "effective_evaluators": 3.48}
    return frame(
        "contrasts", contrast=name, value=value, value_low=low, value_high=high, n=1000,
        n_prompts=9, **defaults | columns,
    )  # fmt: skip


def test_every_robust_rule_is_set_against_every_attack() -> None:
    # Three rules, four attacks, one comparison of K, one saturation.
    assert len(BY_ID) == 3 * 4 + 2
    assert {"noise-median", "intermittent-trust-weighted", "sabotage-trimmed-mean"} <= set(BY_ID)
    assert {finding.certainty for finding in robust.FINDINGS} == {"second hand"}


def test_a_contrast_says_what_it_rests_on(frame: Frames) -> None:
    found = contrast(
        evidence(
            contrasts(frame, "mae_saved", 0.1, 0.3, consensus="median", against="mean", attack="a"),
            contrasts(frame, "mae_saved", 0.5, 0.7, consensus="median", against="mean", attack="b"),
        ),
        name="mae_saved",
        consensus="median",
        attack="b",
    )
    assert found.ours == pytest.approx((0.6, 0.5, 0.7))
    assert (found.n, found.n_prompts) == (1000, 9)
    assert found.whose == (
        "median against mean, K = 5, 30 % malicious of 20 nodes, 3.5 of them independent in effect"
    )


def test_what_the_run_does_not_play_is_not_measured(frame: Frames) -> None:
    only = evidence(contrasts(frame, "saturation", 0.9, 1.1))
    with pytest.raises(NotMeasured, match="no contrast reward_by_k in this run"):
        contrast(only, name="reward_by_k")
    with pytest.raises(NotMeasured, match="no contrast mae_saved median noise in this run"):
        contrast(only, name="mae_saved", consensus="median", attack="noise")


@pytest.mark.parametrize(
    ("finding", "name", "low", "high", "verdict"),
    [
        ("noise-median", "mae_saved", 0.01, 0.2, "agrees"),
        ("noise-median", "mae_saved", -0.2, -0.01, "differs"),
        ("noise-median", "mae_saved", -0.1, 0.2, "not measured"),
        ("reward-by-k", "reward_by_k", -0.04, -0.03, "agrees"),
        ("reward-by-k", "reward_by_k", 0.01, 0.02, "differs"),
        ("saturation", "saturation", 0.95, 1.08, "agrees"),
        ("saturation", "saturation", 1.2, 1.3, "differs"),
        ("saturation", "saturation", 0.95, 1.2, "not measured"),
    ],
)
def test_verdicts(
    frame: Frames, finding: str, name: str, low: float, high: float, verdict: str
) -> None:
    keys = {"consensus": "median", "attack": "noise"}
    found = row(BY_ID[finding], "p", evidence(contrasts(frame, name, low, high, **keys)))
    assert found["verdict"] == verdict
    assert found["ours"] == pytest.approx((low + high) / 2)


def test_trust_that_never_saturates_is_undecided(frame: Frames) -> None:
    none = evidence(contrasts(frame, "saturation", None, None))
    found = row(BY_ID["saturation"], "p", none)
    assert (found["verdict"], found["ours"]) == ("not measured", None)
    assert "no interval" in found["why"]
    assert np.isnan(contrast(none, name="saturation").ours.value)
