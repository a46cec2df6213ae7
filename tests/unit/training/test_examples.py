from typing import Any

import polars as pl
import pytest

from poq import tables
from poq.errors import PoqError
from poq.training.corruptions import CORRUPTIONS
from poq.training.examples import build_examples
from tests.conftest import Frames

LABELS = {"qa": "token_f1", "summarization": "rougeL"}
EVERY = (*CORRUPTIONS, "node_output")


@pytest.fixture
def prompts(frame: Frames) -> pl.DataFrame:
    return frame(
        "prompts",
        prompt_id=["a1", "a2", "b", "planted", "s"],
        task=["qa"] * 4 + ["summarization"],
        question=["Which wood?", "Who spoke?", "Who?", "Why?", None],
        context=["Old oak gates, says Voss."] * 2
        + ["Cold wind, says Ann."] * 2
        + ["Rain fell on Varn."],
        references=[["old oak"], ["Voss"], ["wind"], ["secret answer"], ["rain fell hard"]],
        split=["training"] * 3 + ["test", "training"],
    )


@pytest.fixture
def outputs(frame: Frames) -> pl.DataFrame:
    return frame(
        "outputs",
        prompt_id=["a1", "a1", "a1", "b", "planted", "s"],
        model=["k", "m", "n", "m", "m", "m"],
        output=["oak gates", "old oak", " ", "secret answer", "secret answer", "rain hard"],
    )


def build(prompts: pl.DataFrame, outputs: pl.DataFrame, **values: Any) -> pl.DataFrame:
    given = {"corruptions": EVERY, "labels": LABELS, "held_out": 0.0, "seed": 1, **values}
    return build_examples(prompts, outputs, **given)


def test_labels_are_measured_against_the_references(
    prompts: pl.DataFrame, outputs: pl.DataFrame
) -> None:
    kinds = ("untouched", "truncated", "off_topic", "node_output")
    found = build(prompts, outputs, corruptions=kinds).filter(
        pl.col("prompt_id").is_in(["a1", "s"])
    )
    rows = found.select("prompt_id", "corruption", "grade", "output", "label").rows()
    assert rows[:3] == [
        ("a1", "untouched", 0, "old oak", 1),
        # 2 * 1 / (1 + 2); of two words 2, 1 and 1 stay, and what is not new is left out
        ("a1", "truncated", 0.5, "old", pytest.approx(2 / 3)),
        ("a1", "off_topic", 1, "Voss", 0),  # the sibling
    ]
    # "old oak" of node m is the reference, and the output of node n is empty;
    # oak of {oak, gates} and {old, oak}: 2 * 1 / (2 + 2)
    assert [row for row in rows if row[1] == "node_output"] == [
        ("a1", "node_output", None, "oak gates", 0.5),
        # ROUGE-L: 2 of 2 and of 3 words, 2 * 1 * (2/3) / (1 + 2/3)
        ("s", "node_output", None, "rain hard", pytest.approx(0.8)),
    ]


def test_every_kind_keeps_the_contract(
    prompts: pl.DataFrame, outputs: pl.DataFrame, tmp_path: Any
) -> None:
    found = build(prompts, outputs)
    tables.write(found, "training", tmp_path / "t.parquet", {})
    assert set(found["corruption"]) == set(EVERY)
    assert set(found["prompt_id"]) == {"a1", "a2", "b", "s"}


def test_a_number_of_each_task_and_kind_is_drawn(
    prompts: pl.DataFrame, outputs: pl.DataFrame
) -> None:
    every, two = build(prompts, outputs), build(prompts, outputs, per_kind=2)
    counts = every.group_by("task", "corruption").len().sort("task", "corruption")
    assert 3 in counts["len"]
    expected = (
        pl.when(pl.col("corruption") == "node_output")
        .then("len")
        .otherwise(pl.min_horizontal("len", 2))
    )
    found = two.group_by("task", "corruption").len().sort("task", "corruption")
    assert found.rows() == counts.with_columns(expected.cast(pl.UInt32)).rows()
    assert every.join(two, on=two.columns, how="semi", nulls_equal=True).rows() == two.rows()
    assert build(prompts, outputs, per_kind=2).equals(two)


def test_nothing_of_a_test_prompt_gets_in(prompts: pl.DataFrame, outputs: pl.DataFrame) -> None:
    """The planted test prompt shares its context with a training prompt."""
    assert "planted" in set(outputs["prompt_id"])
    found = build(prompts, outputs)
    assert "planted" not in set(found["prompt_id"])
    secret = found.filter(pl.col("output") == "secret answer")
    assert secret.select("prompt_id", "corruption").rows() == [("b", "node_output")]


def test_an_off_topic_text_keeps_what_it_shares(frame: Frames) -> None:
    prompts = frame(
        "prompts",
        prompt_id=["a", "b"],
        task="qa",
        context=["one", "two"],
        references=[["red door"], ["red gate"]],
        split="training",
    )
    found = build(prompts, frame("outputs", prompt_id="a"), corruptions=("off_topic",))
    # red of {red, gate} and {red, door}: 2 * 1 / (2 + 2)
    assert found["label"].to_list() == [0.5, 0.5]


def test_held_out_contexts_are_whole_and_lend_nothing(
    prompts: pl.DataFrame, outputs: pl.DataFrame
) -> None:
    found = build(prompts, outputs, held_out=0.5)
    parts = {part: set(group["prompt_id"]) for (part,), group in found.group_by("part")}
    # of the two contexts of qa one is held out; the only one of summarization stays
    assert parts in ({"fit": {"b", "s"}, "held_out": {"a1", "a2"}},
                     {"fit": {"a1", "a2", "s"}, "held_out": {"b"}})  # fmt: skip
    off_topic = found.filter((pl.col("corruption") == "off_topic") & (pl.col("prompt_id") == "b"))
    assert len(off_topic) == 0
    assert set(build(prompts, outputs)["part"]) == {"fit"}


def test_without_training_prompts_there_is_nothing_to_train_on(
    prompts: pl.DataFrame, outputs: pl.DataFrame
) -> None:
    with pytest.raises(PoqError, match="none in the training split"):
        build(prompts.with_columns(split=pl.lit("test")), outputs)


def test_corruptions_that_give_nothing_are_told(frame: Frames) -> None:
    one = frame("prompts", split="training")
    with pytest.raises(PoqError, match=r"corruptions \['off_topic'\] gave no text"):
        build(one, frame("outputs"), corruptions=("off_topic",))


def test_the_order_of_outputs_does_not_matter(prompts: pl.DataFrame, outputs: pl.DataFrame) -> None:
    found = build(prompts, outputs)
    assert build(prompts.reverse(), outputs.reverse()).equals(found)
    assert not build(prompts, outputs, seed=2).equals(found)
