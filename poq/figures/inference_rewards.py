"""What inference nodes earn in the PoQ rounds: consensus quality less cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from poq.figures import reward_panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "What do inference nodes earn?"
TABLES = ("rewards",)


def data(tables: Mapping[str, pl.DataFrame], references: Mapping[str, str]) -> pl.DataFrame:
    """Return the frame that :func:`poq.figures.reward_panels.data` describes.

    The references play no part: nodes are paid for consensus, not for reference quality.
    """
    return reward_panels.data(tables["rewards"], "inference")


def draw(data: pl.DataFrame) -> Figure:
    """Return one column of panels a task and one pooled, the reward above what it is made of."""
    return reward_panels.draw(data, title=TITLE, quality="consensus / 10", node="inference node")
