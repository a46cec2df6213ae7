from collections.abc import Callable

import polars as pl
import pytest

from tests.conftest import Frames

Rewards = Callable[..., pl.DataFrame]


@pytest.fixture
def rewards(frame: Frames) -> Rewards:
    """Table `rewards` of (node, kind, task, quality, cost, reward), with ends 0.1 to each side."""

    def build(*rows: tuple[str, str, str, float, float, float | None]) -> pl.DataFrame:
        names = "node", "kind", "task", "quality", "cost", "reward"
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        ends = [
            (pl.col(name) + shift).alias(f"{name}_{end}")
            for name in names[3:]
            for end, shift in (("low", -0.1), ("high", 0.1))
        ]
        return frame("rewards", **columns, rounds=30, n_prompts=8).with_columns(ends)

    return build
