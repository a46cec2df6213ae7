"""How requests become batches: few of them, with little padding, of a size that memory holds.

Pure arithmetic on lengths in tokens; a backend brings the tokenizer and the device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def batch_sizes(
    lengths: Sequence[int], *, rows: int, tokens: int, output_tokens: int, max_padding: float
) -> list[int]:
    """Return the sizes of the fewest consecutive batches that keep padding small.

    Of all partitions into that many batches, the one with the least padding. The bound on padding
    is one for all batches together: a bound on each would cut a small or ragged sample into
    single rows, where now an exact batch pays for an uneven one. Fewest, since a batch's time is
    above all that of its decoding steps, whose number hardly depends on its rows. Found exactly,
    by dynamic programming over ends of batches: O(batches * n * rows).

    Args:
        lengths: input tokens of each request, longest first, at least 1 each.
        rows: most requests in a batch.
        tokens: most tokens in a batch, padding and the outputs to come included. A request that
            needs more by itself is a batch of one.
        output_tokens: most tokens of one output.
        max_padding: bound on :func:`padding_share`, in [0, 1).
    """
    if not len(lengths):
        return []
    width = np.asarray(lengths, dtype=np.int64)
    total = np.concatenate([[0], np.cumsum(width)])
    n = len(width)
    most = max(1, min(rows, n, tokens // (int(width[-1]) + output_tokens)))
    # One row an end of a batch, 1 to n; one column a size, 1 to `most`.
    end, size = np.arange(1, n + 1)[:, None], np.arange(1, most + 1)[None, :]
    start = np.maximum(end - size, 0)
    area = size * width[start]
    fits = (size == 1) | (area + size * output_tokens <= tokens)
    padding = np.where(fits & (size <= end), area - (total[end] - total[start]), np.inf)
    # Least padding of the requests before each end, in as many batches as there are sizes chosen.
    least = np.full(n + 1, np.inf)
    least[0] = 0
    chosen: list[NDArray[np.intp]] = []
    # In n batches there is none, so this ends.
    while np.isinf(least[n]) or least[n] > max_padding * (least[n] + total[n]):
        through = least[start] + padding
        chosen.append(through.argmin(axis=1))
        least = np.concatenate([[np.inf], through.min(axis=1)])
    sizes = []
    for choice in reversed(chosen):
        sizes.append(int(choice[n - 1]) + 1)
        n -= sizes[-1]
    return sizes[::-1]


def padding_share(batches: Sequence[Sequence[int]]) -> float:
    """Return padding tokens over all input tokens, padding included; 0 without a request.

    Args:
        batches: input tokens of the requests of each batch.
    """
    area = sum(len(batch) * max(batch) for batch in batches if batch)
    return 1 - sum(map(sum, batches)) / area if area else 0.0


@dataclass
class MemoryLimit:
    """The largest batch, in padded tokens, that memory is taken to hold.

    None is known until memory runs out; then half of what failed, again and again. After some
    batches at the limit it doubles, since what else was in memory may be gone; if that fails, the
    next attempt waits twice as long.
    """

    tokens: float = math.inf
    patience: int = 4
    held: int = 0
    trying: bool = False

    def rows(self, width: int) -> float:
        """Return how many rows of ``width`` tokens fit, at least 1; infinity for any number."""
        return self.tokens if math.isinf(self.tokens) else max(1, self.tokens // width)

    def fell_short(self, rows: int, width: int) -> None:
        """Take note that a batch did not fit."""
        if self.trying:
            self.patience *= 2
        self.tokens, self.held, self.trying = rows // 2 * width, 0, False

    def sufficed(self, rows: int, width: int) -> None:
        """Take note that a batch fitted; one below the limit is no evidence."""
        if rows < self.rows(width):
            return
        self.held, self.trying = self.held + 1, False
        if self.held == self.patience:
            self.tokens, self.held, self.trying = 2 * self.tokens, 0, True
