from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from poq.training.corruptions import CORRUPTIONS
from poq.training.examples import build_examples
from tests.conftest import Frames

WORDS = st.sampled_from(["the", "Ann", "Varn", "oak", "wind", "3", "two", "hundred", "Oak", "a."])
TEXT = st.lists(WORDS, min_size=1, max_size=12).map(" ".join)
LABELS = {"qa": "token_f1", "summarization": "rougeL"}


@st.composite
def runs(draw: st.DrawFn, frame: Frames) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A prompts table with all splits, and an outputs table with every prompt."""
    n = draw(st.integers(2, 6))
    splits = draw(
        st.lists(
            st.sampled_from(["training", "calibration", "test"]), min_size=n - 1, max_size=n - 1
        )
    )
    prompts = frame(
        "prompts",
        prompt_id=[f"p{i}" for i in range(n)],
        task=draw(st.lists(st.sampled_from(list(LABELS)), min_size=n, max_size=n)),
        question=draw(st.lists(st.none() | TEXT, min_size=n, max_size=n)),
        context=draw(st.lists(TEXT, min_size=n, max_size=n)),
        references=[draw(st.lists(TEXT, min_size=1, max_size=2) | st.just([""])) for _ in range(n)],
        split=["training", *splits],
    )
    outputs = frame(
        "outputs",
        prompt_id=prompts["prompt_id"].to_list(),
        output=draw(st.lists(TEXT | st.just(""), min_size=n, max_size=n)),
    )
    return prompts, outputs


@given(st.data(), st.integers(0, 5), st.floats(0, 0.99))
def test_examples_are_of_training_prompts_and_labels_in_range(
    frame: Frames, data: st.DataObject, seed: int, held_out: float
) -> None:
    prompts, outputs = data.draw(runs(frame))

    def build() -> pl.DataFrame:
        kinds = (*CORRUPTIONS, "node_output")
        return build_examples(
            prompts, outputs, corruptions=kinds, labels=LABELS, held_out=held_out, seed=seed
        )

    found = build()
    training = prompts.filter(pl.col("split") == "training")
    assert set(found["prompt_id"]) == set(training["prompt_id"])
    assert found["label"].is_between(0, 1).all()
    assert found["grade"].drop_nulls().is_between(0, 1).all()
    assert not found.select("prompt_id", "output").is_duplicated().any()
    assert (found["output"].str.strip_chars() != "").all()
    assert (found.filter(pl.col("corruption") == "untouched")["label"] > 0).all()
    # every task keeps something to fit, and a context is in one part alone
    assert set(found.filter(pl.col("part") == "fit")["task"]) == set(training["task"])
    parts = found.join(prompts.drop("task"), on="prompt_id").group_by("task", "context")
    assert parts.agg(pl.col("part").n_unique())["part"].max() == 1
    assert build().equals(found)
