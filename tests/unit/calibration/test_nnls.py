import numpy as np
import pytest

from poq.calibration.nnls import coefficients, fit
from tests.unit.calibration.conftest import Samples

nan = float("nan")


def test_exact_weights_are_found(sample: Samples) -> None:
    a, b = [0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0]
    # quality = 0.1 + 0.2 a + 0.6 b: the constant is free, so weights are 0.2 / 0.8 and 0.6 / 0.8.
    assert fit(sample(a, b, quality=[0.1, 0.3, 0.7, 0.9])) == pytest.approx([0.25, 0.75])


def test_what_goes_against_quality_weighs_nothing(sample: Samples) -> None:
    quality = [0.1, 0.4, 0.6, 0.9]
    assert fit(sample(quality, [1 - q for q in quality], quality=quality)).tolist() == [1, 0]
    assert fit(sample([1 - q for q in quality], quality=quality)).tolist() == [0]


def test_a_constant_dimension_weighs_nothing(sample: Samples) -> None:
    # 0.1 is no sum of powers of two: its mean is off by a rounding.
    assert fit(sample([0.1] * 7, [0.1] * 7, quality=[0.1, 0.7, 0.3, 0.9, 0.2, 0.4, 1])).sum() == 0


def test_a_missing_value_counts_as_the_mean(sample: Samples) -> None:
    missing = np.array([[0.0], [1.0], [nan]])
    filled = np.array([[0.0], [1.0], [0.5]])
    quality = np.array([0.2, 0.6, 0.9])
    assert coefficients(missing, quality) == pytest.approx(coefficients(filled, quality))
    assert fit(sample([nan, nan], quality=[0.1, 0.9])).tolist() == [0]


def test_no_outputs_have_no_weights(sample: Samples) -> None:
    assert fit(sample([], [], quality=[])).tolist() == [0, 0]
