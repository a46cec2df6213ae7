from tests.unit.attacks.conftest import Report


def test_equation_18(report: Report) -> None:
    # min(10, s + b)
    assert report("boosting", 5, {"shift": 3}) == 8
    assert report("boosting", 8, {"shift": 3}) == 10
