from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from poq.dimensions import structure
from poq.dimensions.base import Inputs
from poq.dimensions.structure import (
    SIGNALS,
    Settings,
    copied,
    distinct,
    form,
    length,
    loop,
    words,
)
from tests.unit.dimensions.conftest import MakeInputs

CONTEXT = "The gates of the mill pond were made of oak. The wheel was made of elm."
QUESTION = "Which wood were the gates made of?"
PROMPT = f"Answer with a few words.\n\nPassage: {CONTEXT}\nQuestion: {QUESTION}\nAnswer:"


def measured(inputs: Inputs) -> list[dict[str, Any]]:
    found = structure.measure(Settings(kind="structure"), inputs)
    assert found.columns == ["prompt_id", "model", "value", *SIGNALS]
    return found.to_dicts()


def signals(inputs: MakeInputs, output: str, reason: str | None = "eos") -> dict[str, Any]:
    """Signals of one answer; the norm is 1 to 3 words."""
    given = inputs(
        {("qc1", "a"): "x", ("q2", "a"): output},
        {
            "references": [["oak", "oak wood", "the old oak"], ["oak"]],
            "prompt": ["", PROMPT],
            "context": ["", CONTEXT],
        },
        finish_reason=["eos", reason],
    )
    (row,) = [row for row in measured(given) if row["prompt_id"] == "q2"]
    return row


def test_a_right_answer_is_at_one(inputs: MakeInputs) -> None:
    found = signals(inputs, "oak")
    assert [found[name] for name in ("value", *SIGNALS)] == [1.0] * 8


def test_the_dimension_is_the_mean_of_its_signals(inputs: MakeInputs) -> None:
    found = signals(inputs, "A: oak\noak\noak oak", reason="length")
    # Format: a label and several lines, 4 of 6 checks. Five words, "A" among them, where the norm
    # ends at 3. Trigrams: a-oak-oak and twice oak-oak-oak, 2 of 3 distinct. Of four "oak", three
    # only repeat: 1 - 3 / 5.
    expected = {
        "format": 4 / 6, "length": 3 / 5, "repetition": 2 / 3, "degeneration": 2 / 5,
        "truncation": 0.0, "echo": 1.0, "emptiness": 1.0,
    }  # fmt: skip
    assert {name: found[name] for name in SIGNALS} == pytest.approx(expected)
    assert found["value"] == pytest.approx(sum(expected.values()) / 7)


def test_the_mean_is_the_same_with_every_python(inputs: MakeInputs) -> None:
    """Added from left to right, as sum() does before Python 3.12, the last digit is another."""
    found = signals(inputs, "A: oak gates of the mill")
    # Format 5 of 6, 6 words where the norm ends at 3, all else 1: (5/6 + 3/6 + 5) / 7 = 19/3 / 7.
    assert found["value"] == 19 / 3 / 7


@pytest.mark.parametrize("output", ["", "  ", "...", ":::: ?", "___", "_ _.\n__"])
def test_an_output_without_a_word_is_empty(inputs: MakeInputs, output: str) -> None:
    found = signals(inputs, output)
    assert (found["value"], found["emptiness"]) == (0.0, 0.0)
    assert all(found[name] is None for name in SIGNALS if name != "emptiness")


@pytest.mark.parametrize(
    ("output", "echoed"),
    [
        ("made of oak", 0.0),  # copied from the context
        ("The gates of the mill pond were made of oak.", 0.0),
        (QUESTION, 1.0),  # the context has none of its trigrams
        ("Which wood were oak", 3 / 4),  # "which wood were"
        ("Answer with a few words", 1.0),
        ("Answer:", 1.0),
        ("elm", 0.0),
        ("pine", 0.0),
    ],
)
def test_echo_is_what_is_copied_from_the_question_or_instruction(
    inputs: MakeInputs, output: str, echoed: float
) -> None:
    assert signals(inputs, output)["echo"] == pytest.approx(1 - echoed)


def test_where_no_reason_was_logged_a_summary_tells_by_its_end(inputs: MakeInputs) -> None:
    given = inputs(
        {("s1", "a"): "It rained. It poured .", ("s1", "b"): "It rained and", ("q2", "a"): "oak"},
        finish_reason=None,
    )
    assert [row["truncation"] for row in measured(given)] == [1.0, 0.0, None]
    cut = inputs({("s1", "a"): "It rained."}, finish_reason="length")
    assert measured(cut)[0]["truncation"] == 0.0


def test_a_signal_that_is_undefined_is_left_out_of_the_mean(inputs: MakeInputs) -> None:
    # No calibration prompt, so no norm; no finish reason: five signals are left, all at 1.
    (row,) = measured(inputs({("q1", "a"): "oak"}, finish_reason=None))
    assert (row["length"], row["truncation"], row["value"]) == (None, None, 1.0)


def test_without_references_the_norm_is_that_of_the_outputs(inputs: MakeInputs) -> None:
    outputs = {
        ("sc1", "a"): "one two", ("sc1", "b"): "one two three four", ("sc1", "c"): "one",
        ("sc2", "a"): "one two three four", ("sc2", "b"): "one two three four",
        ("s3", "a"): "one two three four five six seven eight",
    }  # fmt: skip
    given = inputs(outputs, {"references": [[], [], []]})
    # Medians of the calibration prompts: 2 and 4; quantiles 10 % and 90 %: 2 and 4 again.
    assert structure.norm(given.outputs) == (2.0, 4.0)
    assert measured(given)[-1]["length"] == 4 / 8


@pytest.mark.parametrize(("count", "expected"), [(1, 0.5), (2, 1.0), (4, 1.0), (5, 1.0), (10, 0.5)])
def test_length_is_one_within_the_norm(count: int, expected: float) -> None:
    assert length(count, (2.0, 5.0)) == expected


def test_a_norm_that_begins_at_nothing_has_no_lower_end() -> None:
    assert length(1, (0.0, 2.0)) == 1.0
    assert length(1, None) is None


@pytest.mark.parametrize(
    ("task", "output", "failed"),
    [
        ("qa", "a stick of celery", 0),
        ("qa", "In 1911. He slept on a cot.", 1),  # two sentences
        ("qa", "- oak", 1),
        ("qa", "1. oak", 1),
        ("qa", "1.5 metres", 0),
        ("qa", "Answer: oak", 1),
        ("qa", "**oak**", 1),
        ("qa", "The answer is:", 1),
        ("qa", "oak\nelm", 1),
        ("summarization", "The mill closed in 1911. Its wheel was elm.", 0),
        ("summarization", "the mill closed.", 1),
        ("summarization", '"Stand back," she says.', 0),
        ("summarization", "Summary: The mill closed.", 1),
        ("summarization", "# Mills\n* closed", 2),  # markup and a list; "M" begins it
    ],
)
def test_format_counts_the_checks_that_fail(task: str, output: str, failed: int) -> None:
    checks = 6 if task == "qa" else 5
    assert form(task, output) == pytest.approx(1 - failed / checks)


@pytest.mark.parametrize(
    ("text", "looped"),
    [
        ("the answer is the answer is", 3),
        ("the answer is the answer is the", 4),  # the third repetition breaks off
        ("he said I I I I", 3),
        ("bye bye", 0),  # said twice is no loop
        ("no no no", 2),
        ("a b a b", 2),
        ("the gates were made of oak", 0),
        ("oak oak oak and elm", 0),  # not at the end
        ("x a b c a b c", 3),
    ],
)
def test_a_loop_is_an_end_that_says_again(text: str, looped: int) -> None:
    assert loop(text.split()) == looped


def test_an_underscore_is_punctuation() -> None:
    # Emphasis of Markdown, a blank to fill in, a name of code.
    assert words("_So_ it is ____ of max_value 2") == ["so", "it", "is", "of", "max", "value", "2"]


def test_distinct_counts_trigrams() -> None:
    # abc bca cab abc: three of four are distinct.
    assert distinct(list("abcabc")) == 3 / 4
    # Two words are one bigram.
    assert distinct(["a", "a"]) == 1.0


def test_copied_counts_words_once() -> None:
    # abc and bcd overlap: a, b, c and d of five words.
    assert copied(list("abcde"), {("a", "b", "c"), ("b", "c", "d")}) == 4 / 5


def test_the_order_of_rows_changes_nothing(inputs: MakeInputs) -> None:
    texts = {("qc1", "a"): "oak", ("q2", "a"): "oak oak oak", ("sc3", "b"): "It rained. It"}
    one = structure.measure(Settings(kind="structure"), inputs(texts))
    other = structure.measure(
        Settings(kind="structure"), inputs(dict(reversed(list(texts.items()))))
    )
    assert one.equals(other.sort(pl.col("prompt_id").replace_strict({"qc1": 0, "q2": 1, "sc3": 2})))


@pytest.mark.parametrize(("question", "echo"), [(QUESTION, 0.0), (None, None)])
def test_of_logged_outputs_the_question_is_what_was_asked(
    inputs: MakeInputs, question: str | None, echo: float | None
) -> None:
    """Regression: logs tell no rendered prompt, and summarization has no question."""
    given = inputs(
        {("qc1", "a"): "x", ("q2", "a"): "wood were the gates"},
        {"prompt": [None, None], "question": [None, question], "context": ["", CONTEXT]},
    )
    # Trigrams wood-were-the and were-the-gates: all words stand in the question.
    (row,) = [row for row in measured(given) if row["prompt_id"] == "q2"]
    assert row["echo"] == echo
