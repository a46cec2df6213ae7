from __future__ import annotations

import math

import pytest

from poq.findings.base import (
    Above,
    Below,
    Claim,
    Evidence,
    Finding,
    Measured,
    NotMeasured,
    Value,
    row,
)
from poq.metrics.bootstrap import Estimate
from poq.rewards import RewardSettings

NUMBER = Value(0.66, rounding=0.005, denies=0)
UP, DOWN = Above(0, "above 0"), Below(0.1, "near zero or negative")
EVIDENCE = Evidence({}, None, RewardSettings(alpha=1, beta=1), 100, 0.9, 1)


@pytest.mark.parametrize(
    ("claim", "low", "high", "verdict", "why"),
    [
        (NUMBER, 0.6, 0.7, "agrees", "holds 0.66"),
        # Rounded figures: 0.66 may have been 0.655 or 0.665.
        (NUMBER, 0.5, 0.656, "agrees", "holds 0.66"),
        (NUMBER, 0.5, 0.654, "differs", "does not hold 0.66"),
        (NUMBER, 0.666, 0.7, "differs", "does not hold 0.66"),
        (NUMBER, -0.5, 0.2, "differs", "does not hold 0.66"),
        # So wide that it holds no correlation as well: nothing is claimed.
        (NUMBER, -0.1, 0.7, "not measured", "undecided"),
        (UP, 0.01, 0.2, "agrees", "lies above 0"),
        (UP, -0.2, -0.01, "differs", "lies below 0"),
        (UP, -0.2, 0.3, "not measured", "undecided"),
        (UP, 0.0, 0.3, "not measured", "undecided"),
        (DOWN, -0.4, 0.05, "agrees", "lies below 0.1"),
        (DOWN, 0.2, 0.4, "differs", "lies above 0.1"),
        (DOWN, 0.0, 0.2, "not measured", "undecided"),
    ],
)
def test_verdicts(claim: Claim, low: float, high: float, verdict: str, why: str) -> None:
    found, reason = claim.verdict(low, high)
    assert found == verdict
    assert why in reason
    assert f"[{low:.3f}, {high:.3f}]" in reason


def test_published_in_words() -> None:
    assert NUMBER.published == "0.66"
    assert Value(7, rounding=0.5, denies=1).published == "about 7"


def finding(measured: Measured | str) -> Finding:
    def measure(evidence: Evidence) -> Measured:
        if isinstance(measured, str):
            raise NotMeasured(measured)
        return measured

    return Finding("id", "It is so.", "r", NUMBER, "abstract", measure, "a_rule", "a_figure")


def test_a_row_says_what_was_measured_and_whose_it_is() -> None:
    found = row(finding(Measured(Estimate(0.65, 0.6, 0.7), 9, 3, "mine")), "paper", EVIDENCE)
    assert [found[name] for name in ("ours", "ours_low", "ours_high", "n", "n_prompts")] == [
        0.65, 0.6, 0.7, 9, 3,
    ]  # fmt: skip
    assert (found["verdict"], found["why"]) == ("agrees", "mine: [0.600, 0.700] holds 0.66")
    assert (found["published"], found["certainty"], found["paper"]) == ("0.66", "abstract", "paper")


def test_what_a_run_lacks_is_not_measured() -> None:
    found = row(finding("no such node in this run"), "paper", EVIDENCE)
    assert (found["verdict"], found["why"]) == ("not measured", "no such node in this run")
    assert found["ours"] is found["n"] is None


def test_without_an_interval_nothing_is_claimed() -> None:
    estimate = Estimate(0.66, math.nan, math.nan)
    found = row(finding(Measured(estimate, 3, 1, "mine")), "paper", EVIDENCE)
    assert (found["ours"], found["ours_low"]) == (0.66, None)
    assert (found["verdict"], found["why"]) == ("not measured", "mine: undecided: no interval")
