from tests.unit.attacks.conftest import Report


def test_it_boosts_with_its_probability(report: Report) -> None:
    settings = {"shift": 3, "probability": 0.3}
    assert report("intermittent", 5, settings, draw=0.29) == 8
    assert report("intermittent", 5, settings, draw=0.3) == 5
    # uniform numbers are below 1, never below 0
    assert report("intermittent", 9, settings | {"probability": 1}, draw=0.999) == 10
    assert report("intermittent", 5, settings | {"probability": 0}, draw=0.0) == 5
