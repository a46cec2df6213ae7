import numpy as np
import pytest

from poq.simulation import kernel
from poq.simulation.streams import Xoshiro256Plus, states


def stream() -> Xoshiro256Plus:
    return Xoshiro256Plus(np.array([1, 2, 3, 4], dtype=np.uint64))


def test_published_numbers() -> None:
    # Output of the authors' C code for the state 1, 2, 3, 4, as in the tests of rand_xoshiro.
    generator = stream()
    assert [generator.bits() for _ in range(10)] == [
        5,
        211106232532999,
        211106635186183,
        9223759065350669058,
        9250833439874351877,
        13862484359527728515,
        2346507365006083650,
        1168864526675804870,
        34095955243042024,
        3466914240207415127,
    ]


def test_kinds_of_numbers() -> None:
    # 9223759065350669058 / 2**64 is 0.50002...: the fourth number
    generator = stream()
    for _ in range(3):
        generator.bits()
    assert generator.below(10) == 5
    # 9250833439874351877 / 2**64 = 0.501489...
    assert generator.uniform() == pytest.approx(9250833439874351877 / 2**64, abs=1e-15)


def test_numbers_have_the_moments_of_their_distribution() -> None:
    generator = stream()
    uniform = np.array([generator.uniform() for _ in range(20000)])
    normal = np.array([generator.normal() for _ in range(20000)])
    # four standard errors: 4 * sqrt(1 / 12 / 20000) and 4 / sqrt(20000)
    assert uniform.mean() == pytest.approx(0.5, abs=0.0082)
    assert normal.mean() == pytest.approx(0, abs=0.029)
    assert normal.var() == pytest.approx(1, abs=0.04)


def test_compiled_numbers_are_the_same() -> None:
    generator, lane = stream(), 1
    states = np.zeros((4, kernel.LANES), dtype=np.uint64)
    states[:, lane] = 1, 2, 3, 4
    for _ in range(100):
        assert kernel.uniform(states.ravel(), lane) == generator.uniform()
    for _ in range(100):
        assert kernel.normal(states.ravel(), lane) == pytest.approx(generator.normal(), abs=1e-12)


def test_a_replication_has_its_own_state_whatever_the_others() -> None:
    together = states(7, range(4))
    np.testing.assert_array_equal(states(7, range(2, 4)), together[2:])
    assert len(np.unique(together)) == together.size
    assert not np.array_equal(states(8, range(4)), together)
