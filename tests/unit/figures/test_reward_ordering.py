import numpy as np
import polars as pl
import pytest

from poq.figures import reward_ordering
from poq.figures.reward_ordering import data, draw
from tests.conftest import Frames


@pytest.fixture
def tables(frame: Frames) -> dict[str, pl.DataFrame]:
    """Three nodes of quality 0.8, 0.5, 0.4 and cost 1, 0.5, 0; the run pays at beta / alpha 0.5."""
    pairs = [("good", "middle", 0.6), ("good", "cheap", 0.4), ("middle", "cheap", 0.2)]
    dearer, cheaper, ratio = map(list, zip(*pairs, ("x", "y", -0.5), strict=True))
    return {
        "rewards": frame(
            "rewards", node=["cheap", "good", "middle", "e"], task="qa", n_prompts=4,
            kind=["inference"] * 3 + ["evaluator"], quality=[0.4, 0.8, 0.5, 1.0],
            cost=[0.0, 1.0, 0.5, 0.0],
        ),
        "reward_flips": frame(
            "reward_flips", dearer=dearer, cheaper=cheaper, ratio=ratio, task="qa",
            kind="inference", ratio_low=[value - 0.3 for value in ratio],
            ratio_high=[value + 0.3 for value in ratio], flip_share=[1.0, 0.99, 0.9, 0.0],
        ),
        "reward_study": frame(
            "reward_study", alpha=[1.0, 1.0], beta=[0.5, 0.0], own=[True, False]
        ),
    }  # fmt: skip


def test_data_follows_each_node_from_rank_to_rank(tables: dict[str, pl.DataFrame]) -> None:
    found = data(tables, {})
    stretches = found.select("node", "start", "end", "rank", "swaps_with").rows()
    # At 0: good, middle, cheap. At 0.2 cheap passes middle, at 0.4 good, at 0.6 middle passes good.
    assert stretches == [
        ("cheap", 0.0, 0.2, 3, None),
        ("cheap", 0.2, 0.4, 2, "middle"),
        ("cheap", 0.4, None, 1, "good"),
        ("good", 0.0, 0.4, 1, None),
        ("good", 0.4, 0.6, 2, "cheap"),
        ("good", 0.6, None, 3, "middle"),
        ("middle", 0.0, 0.2, 2, None),
        ("middle", 0.2, 0.6, 3, "cheap"),
        ("middle", 0.6, None, 2, "good"),
    ]
    assert set(found["own"]) == {0.5}
    first = found.row(1, named=True)
    assert (first["low"], first["high"], first["flip_share"]) == (pytest.approx(-0.1), 0.5, 0.9)


def test_draw_marks_every_swap_once(tables: dict[str, pl.DataFrame]) -> None:
    figure = draw(data(tables, {}))
    (panel,) = (axes for axes in figure.axes if axes.get_ylabel())
    assert panel.get_title(loc="left") == "qa: 4 prompts"
    assert [label.get_text() for label in panel.get_yticklabels()] == ["good", "middle", "cheap"]
    swaps = [m for m in panel.lines if m.get_label() == "_mark" and m.get_marker() == "D"]
    ends = {0.0, 1.0}
    places = {
        round(float(np.asarray(m.get_xdata())[0]), 6): m.get_markerfacecolor() == "white"
        for m in swaps
        if float(np.asarray(m.get_xdata())[0]) not in ends
    }
    # Place r / (1 + r) of 0.2, 0.4 and 0.6; hollow where they swap in less than 95 %.
    assert places == {round(r / (1 + r), 6): r == 0.2 for r in (0.2, 0.4, 0.6)}
    bars = [np.asarray(m.get_xdata()) for m in panel.lines if m.get_label() == "_interval"]
    assert min(bar.min() for bar in bars) == 0  # cut off
    assert figure.legends[0].get_title().get_text() == reward_ordering.TITLE


def test_no_swap_and_no_quality_to_pay(tables: dict[str, pl.DataFrame]) -> None:
    tables["reward_flips"] = tables["reward_flips"].filter(pl.col("ratio") < 0)
    tables["reward_study"] = tables["reward_study"].with_columns(alpha=0.0)
    found = data(tables, {})
    assert found.select("start", "end", "own").unique().rows() == [(0.0, None, None)]
    draw(found)
