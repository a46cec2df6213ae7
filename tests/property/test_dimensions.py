from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poq.dimensions import model_prior, structure
from poq.dimensions.base import Inputs
from poq.dimensions.certainty import certainty

TEXT = st.text(alphabet="ab .:\n-*1", max_size=40)
QUALITIES = st.lists(
    st.tuples(st.floats(0, 1), st.booleans(), st.sampled_from("ab")), min_size=1, max_size=12
)
NOTHING = pl.DataFrame()


def inputs(outputs: pl.DataFrame, quality: pl.DataFrame) -> Inputs:
    return Inputs(outputs, quality, {"qa": "token_f1"}, NOTHING, NOTHING, {})


def quality(rows: list[tuple[float, bool, str]]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "prompt_id": [f"p{i:02}" for i in range(len(rows))],
            "model": [model for _, _, model in rows],
            "task": "qa",
            "split": ["calibration" if known else "test" for _, known, _ in rows],
            "token_f1": [value for value, _, _ in rows],
        }
    )


def priors(table: pl.DataFrame) -> dict[str, float | None]:
    settings = model_prior.Settings(kind="model_prior")
    found = model_prior.measure(settings, inputs(NOTHING, table))
    return dict(found.select("prompt_id", "value").iter_rows())


@given(QUALITIES, st.data(), st.floats(0, 1))
def test_a_prior_never_holds_its_own_row(
    rows: list[tuple[float, bool, str]], data: st.DataObject, other: float
) -> None:
    table = quality(rows)
    own = data.draw(st.sampled_from(table["prompt_id"].to_list()))
    changed = table.with_columns(
        token_f1=pl.when(pl.col("prompt_id") == own).then(other).otherwise("token_f1")
    )
    assert priors(changed)[own] == pytest.approx(priors(table)[own], abs=1e-12)


@given(QUALITIES, st.randoms(use_true_random=False))
def test_priors_lie_in_range_and_ignore_the_order_of_rows(
    rows: list[tuple[float, bool, str]], random: st.DataObject
) -> None:
    table = quality(rows)
    found = priors(table)
    assert all(value is None or 0 <= value <= 1 for value in found.values())
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert priors(table[order]) == found


@given(st.lists(st.tuples(TEXT, st.sampled_from(["qa", "summarization"])), min_size=1, max_size=5),
       st.sampled_from(["eos", "length", None]))  # fmt: skip
def test_every_signal_lies_in_range(texts: list[tuple[str, str]], reason: str | None) -> None:
    outputs = pl.DataFrame(
        {
            "prompt_id": [f"p{i}" for i in range(len(texts))],
            "model": "m",
            "task": [task for _, task in texts],
            "split": "calibration",
            "output": [text for text, _ in texts],
            "finish_reason": pl.Series([reason] * len(texts), dtype=pl.String),
            "prompt": "a b: a a",
            "question": "a a",
            "context": "b a",
            "references": [["a b"]] * len(texts),
        }
    )
    found = structure.measure(structure.Settings(kind="structure"), inputs(outputs, NOTHING))
    for name in ("value", *structure.SIGNALS):
        known = found[name].drop_nulls()
        assert known.is_between(0, 1).all()
    empty = found.filter(pl.col("emptiness") == 0)
    assert (empty["value"] == 0).all()
    assert found["value"].null_count() == 0


@given(st.integers(2, 8), st.data())
def test_more_pairs_that_are_alike_never_make_less_certain(n: int, data: st.DataObject) -> None:
    ends = st.lists(st.tuples(*[st.integers(0, n - 1)] * 2), min_size=1, max_size=10)
    pairs = data.draw(ends)
    values = [
        certainty(n, *(pl.Series(side, dtype=pl.Int64).to_numpy() for side in sides))
        for sides in (
            tuple(zip(*pairs[:count], strict=True)) or ((), ()) for count in range(len(pairs) + 1)
        )
    ]
    assert values[0] == 0
    assert all(0 <= value <= 1 for value in values if value is not None)
    assert values == sorted(values)  # type: ignore[type-var]
