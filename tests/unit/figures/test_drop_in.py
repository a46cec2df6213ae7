from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from poq.figures import drop_in
from poq.figures.drop_in import data, draw
from tests.conftest import Frames


@pytest.fixture
def tables(frame: Frames) -> dict[str, pl.DataFrame]:
    """Two signals, two defences, two attacks; error 1 more under sabotage, 2 more undefended."""
    keys = [
        (signal, defence, attack)
        for attack in ("sabotage", "honest")
        for defence in ("both", "none")
        for signal in ("composite", "evaluators")
    ]
    mae = [1.0 + (a == "sabotage") + 2 * (d == "none") for _, d, a in keys]
    signal, defence, attack = map(list, zip(*keys, strict=True))
    rule = ["mean" if d == "none" else "trust_weighted_median" for d in defence]
    rows = frame(
        "drop_in", signal=signal, defence=defence, attack=attack, consensus=rule,
        trust="fixed_sum", k=5, malicious_ratio=0.3, nodes=20, rounds=5000, n_prompts=9,
        undefined=0,
        mae=mae, mae_low=[m - 0.5 for m in mae], mae_high=[m + 0.5 for m in mae],
        pearson=[0.25 if s == "composite" else None for s in signal], pearson_low=None,
        pearson_high=None,
    )  # fmt: skip
    return {"drop_in": rows}


def test_data_has_the_honest_network_and_no_defence_first(tables: dict[str, pl.DataFrame]) -> None:
    found = data(tables, {}).filter(metric="mae")
    assert found.select("attack", "defence", "signal", "value", "low", "high").rows() == [
        ("honest", "none", "evaluators", 3, 2.5, 3.5),
        ("honest", "none", "composite", 3, 2.5, 3.5),
        ("honest", "both", "evaluators", 1, 0.5, 1.5),
        ("honest", "both", "composite", 1, 0.5, 1.5),
        ("sabotage", "none", "evaluators", 4, 3.5, 4.5),
        ("sabotage", "none", "composite", 4, 3.5, 4.5),
        ("sabotage", "both", "evaluators", 2, 1.5, 2.5),
        ("sabotage", "both", "composite", 2, 1.5, 2.5),
    ]


def test_draw_has_a_row_a_defence_and_a_mark_a_signal(tables: dict[str, pl.DataFrame]) -> None:
    figure = draw(data(tables, {}))
    honest, sabotage, below, _ = figure.axes
    assert honest.get_title(loc="left") == "honest network"
    assert sabotage.get_title(loc="left") == "sabotage"
    labels = [text.get_text() for text in honest.get_yticklabels()]
    assert labels == ["mean", "trust weighted median\n(fixed sum)"]
    marks = [line for line in sabotage.lines if line.get_label() == "_mark"]
    # Two signals, half of 0.5 to either side of rows 0 and 1.
    places = np.hstack([np.asarray(line.get_data()) for line in marks]).T
    assert places.tolist() == [[4, -0.25], [4, 0.25], [2, 0.75], [2, 1.25]]
    # The evaluators' correlation is undefined and left out.
    assert sum(line.get_label() == "_mark" for line in below.lines) == 2
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "evaluators",
        "composite",
    ]
    assert figure.legends[0].get_title().get_text() == drop_in.TITLE


def test_outputs_without_a_composite_are_told_where_there_are_any(
    tables: dict[str, pl.DataFrame],
) -> None:
    def note(undefined: int) -> str:
        counted = pl.when(pl.col("signal") == "composite").then(undefined).otherwise(0)
        table = {"drop_in": tables["drop_in"].with_columns(undefined=counted)}
        return draw(data(table, {})).get_supxlabel()

    assert note(3).endswith("\nUndefined composites, each played as 5, the middle: 3 outputs.")
    assert "Undefined" not in note(0)
