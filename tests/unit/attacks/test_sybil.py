from poq.attacks import boosting, sybil
from tests.unit.attacks.conftest import Report


def test_it_boosts(report: Report) -> None:
    assert report("sybil", 5, {"shift": 3}) == 8


def test_an_identity_is_given_up_below_a_share_of_the_initial_trust() -> None:
    settings = sybil.Settings(kind="sybil", leave_at=0.5, fee=0.2)
    assert sybil.renews_below(settings, 3.0) == 1.5
    assert sybil.fee(settings) == 0.2
    # all others keep theirs, and evaluate before they manipulate
    assert boosting.renews_below(boosting.Settings(kind="boosting"), 3.0) == 0
    assert (sybil.effort(settings), boosting.fee(boosting.Settings(kind="boosting"))) == (1, 0)
