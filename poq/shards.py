"""Shards: one stage split into jobs, whose results together do not depend on their number.

What depends on what else is computed with it (a batch, a chunk, the cells of one break-even size)
is planned over the whole stage and never split; shards only share it out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from poq.errors import PoqError

T = TypeVar("T")


@dataclass(frozen=True)
class Shard:
    """One of ``count`` jobs, ``number`` being in [1, count]."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Return the shard that Snakemake names "2-of-5".

        Raises:
            PoqError: the text is no such name.
        """
        match = re.fullmatch(r"([0-9]+)-of-([0-9]+)", text)
        found = cls(int(match[1]), int(match[2])) if match else None
        if found is None or not 1 <= found.number <= found.count:
            raise PoqError(f"shard: found {text!r}; expected a name like 2-of-5")
        return found

    def deal(self, items: Sequence[T]) -> Sequence[T]:
        """Return every ``count``-th item: an even share of what is sorted by effort."""
        return items[self.number - 1 :: self.count]

    def stretch(self, items: Sequence[T]) -> Sequence[T]:
        """Return consecutive items, where neighbours have work in common."""
        first, end = ((i * len(items)) // self.count for i in (self.number - 1, self.number))
        return items[first:end]


WHOLE = Shard(1, 1)
