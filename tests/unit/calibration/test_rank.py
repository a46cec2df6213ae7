import pytest

from poq.calibration.rank import fit
from tests.unit.calibration.conftest import Samples

QUALITY = [0.1, 0.2, 0.3, 0.4, 0.9]


def test_weights_are_in_proportion_to_rho(sample: Samples) -> None:
    # rho: 1 of the cube, 0.8 of the permutation of ranks (1 - 6 * 4 / 120), below 0 of the third.
    cube = [q**3 for q in QUALITY]
    mixed = [0.2, 0.1, 0.4, 0.3, 0.5]
    found = fit(sample(cube, mixed, QUALITY[::-1], quality=QUALITY))
    assert found == pytest.approx([1 / 1.8, 0.8 / 1.8, 0])


def test_rho_is_that_of_the_outputs_that_have_the_dimension(sample: Samples) -> None:
    nan = float("nan")
    # Without the first output, both rise with quality: rho 1 each.
    assert fit(sample([nan, 0.1, 0.2, 0.3, 0.4], QUALITY, quality=QUALITY)).tolist() == [0.5, 0.5]


def test_what_has_no_rho_weighs_nothing(sample: Samples) -> None:
    nan = float("nan")
    assert fit(sample([0.3] * 5, [nan] * 5, quality=QUALITY)).tolist() == [0, 0]
    assert fit(sample([], quality=[])).tolist() == [0]
