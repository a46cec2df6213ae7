from typing import Any

import pytest

from poq.corpus.rows import Instance, Rows, instances
from poq.errors import PoqError

QA: dict[str, Any] = {
    "id": "q1",
    "title": "ignored",
    "context": "The gates were oak, old oak.",
    "question": "Which wood?",
    "answers": {"text": ["oak", "old oak", "oak"], "answer_start": [15, 20, 24]},
}
NEWS: dict[str, Any] = {"id": "n1", "article": "Long story.", "highlights": "Short."}
NO_LISTS = "answers is not {text: [...], answer_start: [...]} with lists of one length"
NO_REFERENCE = "a reference is empty; expected at least one, none of them empty"


def answers(text: Any, start: Any) -> dict[str, Any]:
    return {"answers": {"text": text, "answer_start": start}}


def test_a_question_with_its_distinct_answers_in_order() -> None:
    expected = Instance("q1", "Which wood?", "The gates were oak, old oak.", ["oak", "old oak"])
    assert instances(Rows([QA], "o", "w"), "qa") == [expected]


def test_an_article_with_its_highlights() -> None:
    expected = [Instance("n1", None, "Long story.", ["Short."])]
    assert instances(Rows([NEWS], "o", "w"), "summarization") == expected


def test_order_is_kept_and_a_numeric_id_becomes_text() -> None:
    rows = [{**QA, "id": 2}, {**QA, "id": "1"}]
    assert [found.id for found in instances(Rows(rows, "o", "w"), "qa")] == ["2", "1"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"context": None}, "columns ['context'] are missing; expected id, context, question, "
                            "answers"),
        ({"id": None, "answers": None}, "columns ['id', 'answers'] are missing; expected id, "
                                        "context, question, answers"),
        ({"question": 5}, "question is a int; expected text"),
        ({"id": 1.0}, "id is a float; expected text"),
        ({"context": " \n"}, "the context is empty"),
        ({"question": ""}, "the question is empty"),
        ({"answers": ["oak"]}, NO_LISTS),
        ({"answers": {"text": ["oak"]}}, NO_LISTS),
        (answers("oak", [15]), NO_LISTS),
        (answers(["oak"], [15, 24]), NO_LISTS),
        (answers([None], [15]), "answers.text holds something that is not text"),
        (answers(["oak"], ["15"]), "answers.answer_start holds something that is not a whole "
                                   "number"),
        (answers([], []), NO_REFERENCE),
        (answers([""], [15]), NO_REFERENCE),
        (answers(["oak"], [14]), "answer 'oak' is no span of the context at 14; found ' oa'"),
        (answers(["oak"], [99]), "answer 'oak' is no span of the context at 99; found ''"),
        (answers(["oak"], [-4]), "answer 'oak' is no span of the context at -4; found ''"),
        (answers(["oak", "elm"], [15, 15]), "answer 'elm' is no span of the context at 15; found "
                                            "'oak'"),
    ],
)  # fmt: skip
def test_a_malformed_question_is_refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(PoqError) as error:
        instances(Rows([QA, {**QA, "id": "q2", **change}], "origin", "data.jsonl"), "qa")
    assert str(error.value) == f"data.jsonl, row 2: {problem}"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"highlights": None}, "columns ['highlights'] are missing; expected id, article, "
                               "highlights"),
        ({"highlights": ["Short."]}, "highlights is a list; expected text"),
        ({"highlights": " "}, NO_REFERENCE),
        ({"article": ""}, "the context is empty"),
    ],
)  # fmt: skip
def test_a_malformed_article_is_refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(PoqError) as error:
        instances(Rows([{**NEWS, **change}], "origin", "news"), "summarization")
    assert str(error.value) == f"news, row 1: {problem}"


@pytest.mark.parametrize(("first", "second"), [("1", "1"), ("1", 1)])
def test_an_id_is_used_once(first: str, second: str | int) -> None:
    rows = [{**NEWS, "id": first}, {**NEWS, "id": "other"}, {**NEWS, "id": second}]
    with pytest.raises(PoqError) as error:
        instances(Rows(rows, "origin", "news"), "summarization")
    assert str(error.value) == f"news, row 3: id {second!r} was used before, in row 1"


def test_a_source_without_rows_is_refused() -> None:
    with pytest.raises(PoqError, match=r"^news: has no rows; expected at least one$"):
        instances(Rows([], "origin", "news"), "summarization")
