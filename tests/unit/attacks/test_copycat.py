from math import nan

from poq.attacks import copycat
from tests.unit.attacks.conftest import Report


def test_it_repeats_the_first_honest_score(report: Report) -> None:
    assert report("copycat", 9, peer=4.0, revealed=7.0) == 4


def test_without_an_honest_node_or_with_commit_reveal_it_repeats_the_last_one(
    report: Report,
) -> None:
    assert report("copycat", 9, peer=nan, revealed=7.0) == 7
    assert report("copycat", 9, {"commit_reveal": True}, peer=4.0, revealed=7.0) == 7


def test_it_evaluates_nothing() -> None:
    assert copycat.effort(copycat.Settings(kind="copycat")) == 0
