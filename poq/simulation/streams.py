"""The random numbers of a replication: xoshiro256+ streams that the kernel can compile.

A replication has two streams of its own, one for sampling and one for attacks, so that neither
the number of threads nor the attack changes what is sampled: cells that differ in rule or attack
are compared on the same rounds (common random numbers).

xoshiro256+ 1.0: Blackman and Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS
47(4), 2021. Its lowest bits are weak; only upper bits are used here.
"""

from __future__ import annotations

from math import cos, log, pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poq.streams import stream

WORDS = 8
"""64-bit words of a replication: the states of its two streams."""
_MASK = (1 << 64) - 1


def states(seed: int, replications: range) -> NDArray[np.uint64]:
    """Return the initial states of replications, shape (n, 8).

    A replication's words depend on the seed and its own number alone.
    """
    generator: Any = stream(seed, "simulation", "replications").bit_generator
    generator.advance(WORDS * replications.start)
    words = generator.random_raw(WORDS * len(replications))
    return np.asarray(words, dtype=np.uint64).reshape(len(replications), WORDS)


class Xoshiro256Plus:
    """The generator in plain Python: the specification of :mod:`poq.simulation.kernel`'s."""

    def __init__(self, state: NDArray[np.uint64]) -> None:
        """Start from a state of 4 words that are not all 0."""
        self._state = [int(word) for word in state]

    def bits(self) -> int:
        """Return the next 64 bits."""
        s = self._state
        result = (s[0] + s[3]) & _MASK
        shifted = (s[1] << 17) & _MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= shifted
        s[3] = ((s[3] << 45) | (s[3] >> 19)) & _MASK
        return result

    def below(self, n: int) -> int:
        """Return an integer in [0, n), n < 2**32; its bias is at most n / 2**32."""
        return ((self.bits() >> 32) * n) >> 32

    def uniform(self) -> float:
        """Return a number in [0, 1), a multiple of 2**-53."""
        return (self.bits() >> 11) * 2.0**-53

    def normal(self) -> float:
        """Return a standard normal number (Box and Muller, 1958)."""
        radius = sqrt(-2 * log(1 - self.uniform()))
        return radius * cos(2 * pi * self.uniform())
