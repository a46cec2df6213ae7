from __future__ import annotations

import polars as pl
import pytest

from poq.figures import (
    alignment_curves,
    attack_heatmap,
    attacker_profit,
    k_tradeoff,
    trust_trajectories,
)
from poq.figures import robustness_cells as robust
from tests.conftest import Frames
from tests.unit.figures.conftest import Robustness


def test_one_grid_is_shown_on_the_test_split(robustness: Robustness) -> None:
    table = pl.concat(
        [
            robustness(("mean", "published", 5, "noise", 0.0, 1.0), grid="narrow"),
            robustness(
                ("mean", "published", 5, "noise", 0.0, 2.0),
                ("mean", "published", 5, "boosting", 0.0, 2.0),
                grid="wide",
            ),
            robustness(
                ("mean", "published", 5, "boosting", 0.0, 9.0), grid="wide", split="calibration"
            ),
            robustness(("mean", "published", 5, "noise", 0.0, 9.0), grid="wide", metric="bias"),
            robustness(
                ("mean", "published", 3, "noise", 0.0, 3.0),
                ("mean", "published", 5, "noise", 0.0, 3.0),
                grid="deep",
            ),
        ]
    )
    wide = robust.cells(table, "mae", of=robust.NETWORKS)
    assert wide.select("grid", "attack", "value").rows() == [
        ("wide", "noise", 2.0),
        ("wide", "boosting", 2.0),
    ]
    assert robust.cells(table, "mae", of=["k"])["grid"].unique().to_list() == ["deep"]


def test_rules_that_ignore_trust_are_shown_once(robustness: Robustness) -> None:
    table = robustness(
        ("mean", "a", 5, "adaptive", 0.0, 1.0 + 1e-12),
        ("mean", "published", 5, "adaptive", 0.0, 1.0),
        # Attackers that heed their trust: the update matters, though not to the rule.
        ("mean", "a", 5, "adaptive", 0.3, 1.5),
        ("mean", "published", 5, "adaptive", 0.3, 2.0),
        ("trust_weighted_mean", "a", 5, "adaptive", 0.0, 1.0),
        ("trust_weighted_mean", "published", 5, "adaptive", 0.0, 0.9),
    )
    # By the error alone: without attackers nobody makes a profit, whatever the update.
    profit = table.with_columns(metric=pl.lit("profit"), value=0.0)
    found = robust.cells(pl.concat([table, profit]), "profit", of=robust.NETWORKS)
    assert found["rule"].n_unique() == 3
    found = robust.cells(table, "mae", of=robust.NETWORKS)
    assert found.select("rule", "trust", "value").rows() == [
        ("mean", "published", 1.0),
        ("mean", "published", 2.0),
        ("trust weighted mean (published)", "published", 0.9),
        ("trust weighted mean (a)", "a", 1.0),
    ]
    plain, first, second = robust.looks(found).values()
    # Rules differ in colour and marker, updates of one rule in line and filling.
    assert plain[:2] != first[:2] == second[:2]
    assert (first.line, first.hollow, second.line, second.hollow) == ("-", False, "--", True)


def test_neighbours_differ_in_lightness(robustness: Robustness) -> None:
    table = robustness(*((name, "published", 5, "noise", 0.0, 1.0) for name in "abcde"))
    looks = robust.looks(robust.cells(table, "mae", of=robust.NETWORKS))
    # Five shades, dark to light: 0 3 1 4 2.
    light = [sum(look.color) for look in looks.values()]
    assert [sorted(light).index(value) for value in light] == [0, 3, 1, 4, 2]


def test_the_papers_names_come_first() -> None:
    frame = pl.DataFrame({"attack": ["a", "sabotage", "b", "noise"]})
    ordered = frame.sort(*robust.order("attack", robust.ATTACKS))["attack"].to_list()
    assert ordered == ["noise", "sabotage", "a", "b"]
    assert robust.papers(ordered) == ["noise", "sabotage"]
    assert robust.papers(["x", "y"]) == ["x", "y"]


@pytest.mark.parametrize(
    ("values", "middle"), [([0.3], 0.3), ([0.1, 0.1, 0.6, 0.2], 0.2), ([3, 5, 7, 9], 5)]
)
def test_middle_is_of_distinct_values(values: list[float], middle: float) -> None:
    assert robust.middle(pl.Series(values)) == middle


def test_the_usual_k_is_played_most(robustness: Robustness) -> None:
    table = robustness(
        ("mean", "published", 3, "noise", 0.0, 1.0),
        ("mean", "published", 9, "noise", 0.0, 1.0),
        ("mean", "published", 9, "boosting", 0.0, 1.0),
    )
    assert robust.usual_k(robust.cells(table, "mae", of=robust.NETWORKS)) == 9


def test_small_print_counts(robustness: Robustness) -> None:
    table = robustness(
        ("mean", "published", 5, "noise", 0.0, 1.0), ("mean", "published", 5, "noise", 0.3, 1.0)
    )
    assert robust.sample(table) == (
        "20 evaluator nodes, 3.5 of them independent in effect; 8 replications of 5000 rounds"
    )


def test_marks_of_several_series_stand_aside() -> None:
    assert robust.shifts(3, 0.1) == pytest.approx([-0.05, 0, 0.05])
    assert robust.shifts(1, 0.1) == [0]


def test_small_print_names_no_confidence(robustness: Robustness, frame: Frames) -> None:
    """It is configuration, and no table holds it."""
    metrics = ["mae", "pearson", "profit", *k_tradeoff.METRICS]
    rows = [("mean", "published", 5, "noise", ratio, 1 + ratio) for ratio in (0.0, 0.3)]
    cell = {"consensus": "mean", "trust": "published", "k": 5, "attack": "noise", "nodes": 20}
    tables = {
        "robustness": pl.concat([robustness(*rows, metric=metric) for metric in metrics]),
        "break_even": frame("break_even", grid="g", split="test", n=8, value=7.0, **cell),
        "contrasts": frame("contrasts", contrast=["rounds_predicted"], value=40.0, **cell),
        "trust_trajectories": frame(
            "trust_trajectories", metric="trust_honest", round=[1, 10], n=8, value=1.0,
            effective_evaluators=3.48, **cell,
        ),
    }  # fmt: skip
    drawn = (alignment_curves, attack_heatmap, attacker_profit, k_tradeoff, trust_trajectories)
    for figure in drawn:
        note = figure.draw(figure.data(tables, {})).get_supxlabel()
        assert "interval" in note
        assert "95" not in note
