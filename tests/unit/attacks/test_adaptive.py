from tests.unit.attacks.conftest import Report


def test_it_boosts_while_it_can_afford_it(report: Report) -> None:
    settings = {"shift": 3, "standing": 0.99}
    assert report("adaptive", 5, settings, standing=1.0) == 8
    assert report("adaptive", 5, settings, standing=0.99) == 8
    assert report("adaptive", 5, settings, standing=0.98) == 5
