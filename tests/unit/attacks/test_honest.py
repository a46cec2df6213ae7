from tests.unit.attacks.conftest import Report


def test_nothing_happens(report: Report) -> None:
    assert report("honest", 3.5) == 3.5
