import numpy as np
import pytest

from poq.calibration.composite import composite, given, normalized

nan = float("nan")


def test_a_composite_is_a_weighted_mean() -> None:
    # 0.25 * 0.2 + 0.75 * 0.6 = 0.5
    assert composite(np.array([[0.2, 0.6]]), np.array([0.25, 0.75])) == pytest.approx([0.5])


def test_weights_are_normalized_over_the_dimensions_that_an_output_has() -> None:
    values = np.array([[0.2, nan, 0.8], [nan, nan, 0.8], [nan, 0.1, nan]])
    # First: (0.5 * 0.2 + 0.25 * 0.8) / 0.75 = 0.4; the last has but a dimension of no weight.
    found = composite(values, np.array([0.5, 0.0, 0.25]))
    assert found == pytest.approx([0.4, 0.8, nan], nan_ok=True)


def test_without_weight_a_composite_is_undefined_never_zero() -> None:
    assert np.isnan(composite(np.array([[0.2, 0.6]]), np.zeros(2))).all()
    assert np.isnan(composite(np.empty((2, 0)), np.empty(0))).all()


def test_normalized_weights_add_up_to_one_or_are_all_zero() -> None:
    assert normalized(np.array([1.0, 3.0])).tolist() == [0.25, 0.75]
    assert normalized(np.zeros(3)).tolist() == [0, 0, 0]


def test_default_and_ablations() -> None:
    found = given({"a": 1.0, "b": 1.0, "c": 2.0})
    assert {name: weights.tolist() for name, weights in found.items()} == {
        "default": [0.25, 0.25, 0.5],
        "without-a": [0, pytest.approx(1 / 3), pytest.approx(2 / 3)],
        "without-b": [pytest.approx(1 / 3), 0, pytest.approx(2 / 3)],
        "without-c": [0.5, 0.5, 0],
    }
    assert given({"only": 0.3})["without-only"].tolist() == [0]
