from tests.unit.attacks.conftest import Report


def test_one_for_another(report: Report) -> None:
    settings = {"boost": 2, "cut": 4}
    assert report("collusion", 5, settings, own=True) == 7
    assert report("collusion", 9, settings, own=True) == 10
    assert report("collusion", 5, settings, own=False) == 1
    assert report("collusion", 3, settings, own=False) == 0
