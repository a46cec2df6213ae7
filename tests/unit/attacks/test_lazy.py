from poq.attacks import lazy
from tests.unit.attacks.conftest import Report


def test_it_reports_the_running_mean(report: Report) -> None:
    assert report("lazy", 9, average=5.5) == 5.5


def test_it_evaluates_nothing() -> None:
    assert lazy.effort(lazy.Settings(kind="lazy")) == 0
