import numpy as np
import pytest

from poq.consensus.yuma import Settings, consensus, core, params


def yuma(kappa: float = 0.5) -> Settings:
    return Settings(kind="yuma", kappa=kappa)


def test_scores_are_clipped_at_what_half_of_the_stake_supports() -> None:
    # stake that gives at least 9: 1 of 4; at least 6: 2 of 4, which is half: benchmark 6
    # (2 + 4 + 6 + 6) / 4 = 4.5
    assert consensus([2.0, 9.0, 4.0, 6.0], yuma(), [1.0, 1.0, 1.0, 1.0]) == 4.5


def test_stake_counts() -> None:
    # stake that gives at least 9: 3 of 5: benchmark 9, nothing is clipped: (2 + 27 + 4) / 5
    assert consensus([2.0, 9.0, 4.0], yuma(), [1.0, 3.0, 1.0]) == pytest.approx(6.6)
    # 2 of 6 give at least 9, 3 of 6 at least 4: (3 * 2 + 1 * 4 + 2 * 4) / 6 = 3
    assert consensus([2.0, 4.0, 9.0], yuma(), [3.0, 1.0, 2.0]) == pytest.approx(3)


def test_kappa_runs_from_the_mean_to_the_lowest_score() -> None:
    assert consensus([2.0, 4.0, 9.0], yuma(1e-6)) == pytest.approx(5)
    assert consensus([2.0, 4.0, 9.0], yuma(1.0)) == 2


def test_a_minority_cannot_lift_it_but_can_pull_it_down() -> None:
    honest = [6.0, 6.0, 6.0]
    assert consensus([*honest, 10.0, 10.0], yuma()) == 6
    # (18 + 0) / 4 = 4.5
    assert consensus([*honest, 0.0], yuma()) == 4.5


def test_a_share_of_almost_nothing_clips_nothing() -> None:
    # below the tolerance for rounding, 1e-12: the mean, in both definitions
    scores, little = np.array([2.0, 4.0, 9.0]), yuma(1e-13)
    assert consensus(scores, little) == 5
    assert core(scores, np.ones(3), params(little)) == 5
