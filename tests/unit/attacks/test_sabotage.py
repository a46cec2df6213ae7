from tests.unit.attacks.conftest import Report


def test_points_are_taken_away(report: Report) -> None:
    # max(0, s - b)
    assert report("sabotage", 5, {"shift": 3}) == 2
    assert report("sabotage", 2, {"shift": 3}) == 0
