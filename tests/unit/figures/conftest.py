from collections.abc import Callable

import polars as pl
import pytest

from tests.conftest import Frames

Rewards = Callable[..., pl.DataFrame]
Robustness = Callable[..., pl.DataFrame]


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


@pytest.fixture
def robustness(frame: Frames) -> Robustness:
    """Table `robustness` of (consensus, trust, k, attack, ratio, value), ends 0.1 to each side."""

    def build(
        *rows: tuple[str, str, int, str, float, float | None],
        grid: str = "g",
        split: str = "test",
        metric: str = "mae",
    ) -> pl.DataFrame:
        names = "consensus", "trust", "k", "attack", "malicious_ratio", "value"
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        return frame(
            "robustness", grid=grid, split=split, metric=metric, nodes=20, n=8, rounds=5000,
            effective_evaluators=3.48, **columns,
        ).with_columns(low=pl.col("value") - 0.1, high=pl.col("value") + 0.1)  # fmt: skip

    return build
