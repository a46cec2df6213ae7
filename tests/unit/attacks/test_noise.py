from tests.unit.attacks.conftest import Report


def test_noise_is_scaled_and_clipped(report: Report) -> None:
    # 5 + 2 * 1.5 = 8; 5 - 2 * 3 = -1 and 9 + 2 leave the scale
    assert report("noise", 5, {"sigma": 2}, draw=1.5) == 8
    assert report("noise", 5, {"sigma": 2}, draw=-3.0) == 0
    assert report("noise", 9, {"sigma": 2}, draw=1.0) == 10
