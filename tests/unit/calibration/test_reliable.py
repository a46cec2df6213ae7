import numpy as np

from poq.calibration.reliable import fit
from tests.unit.calibration.conftest import Samples

QUALITY = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
ZIGZAG = [0.5, 0.4, 0.5, 0.4, 0.5, 0.5, 0.4, 0.5, 0.4, 0.5]  # symmetric: r = 0


def test_reliable_dimensions_keep_their_default_weights_in_proportion(sample: Samples) -> None:
    harmful = [1 - value for value in QUALITY]
    found = fit(
        sample(QUALITY, harmful, ZIGZAG, QUALITY, quality=QUALITY, default=[0.1, 0.5, 0.1, 0.3])
    )
    # Of the weights .1 and .3 that are left: .1 / .4 and .3 / .4.
    np.testing.assert_allclose(found, [0.25, 0, 0, 0.75])


def test_a_reliable_dimension_without_default_weight_gets_none(sample: Samples) -> None:
    assert fit(sample(QUALITY, ZIGZAG, quality=QUALITY, default=[0.0, 1.0])).tolist() == [0, 0]


def test_nothing_is_reliable_that_is_constant_or_missing(sample: Samples) -> None:
    nan = float("nan")
    assert fit(sample([0.3] * 10, [nan] * 10, quality=QUALITY)).tolist() == [0, 0]


def test_no_dimensions_and_no_outputs_have_no_weights(sample: Samples) -> None:
    assert fit(sample([], [], quality=[])).tolist() == [0, 0]
