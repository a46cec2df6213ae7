"""What each evaluator node earns in the Proof of Quality rounds, for each task and for all rounds
pooled, and what its reward is made of.

**How to read it.** Above: the mean reward of a round, alpha times quality less beta times cost.
Below: the two terms before they are weighted. An evaluator's quality is its closeness to the
consensus, 1 less the distance of its score from it on a scale of 0 to 1; cost is the normalised
cost, 0 for the cheapest evaluator of a task and 1 for the dearest. Nodes are ordered by their
pooled reward.

**Intervals** are confidence intervals of the mean on the test split. They resample the prompts of
the rounds; more rounds over the same prompts do not make them vanish.

**What it cannot show.** Closeness to the consensus is agreement, not truth: evaluators that err
alike pay each other, and an evaluator that alone is right loses. Its own score is part of the
consensus, which flatters everyone in small groups. All nodes are honest here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from poq.figures import reward_panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "What do evaluator nodes earn?"
TABLES = ("rewards",)


def data(tables: Mapping[str, pl.DataFrame], references: Mapping[str, str]) -> pl.DataFrame:
    """Return the frame that :func:`poq.figures.reward_panels.data` describes.

    The references play no part: nodes are paid for consensus, not for reference quality.
    """
    return reward_panels.data(tables["rewards"], "evaluator")


def draw(data: pl.DataFrame) -> Figure:
    """Return one column of panels a task and one pooled, the reward above what it is made of."""
    return reward_panels.draw(data, title=TITLE, quality="1 - deviation", node="evaluator node")
