from typing import Any

import pytest

from poq.corpus.rows import Columns, Instance, Rows, RowSettings, checked
from poq.errors import PoqError
from poq.metrics.squad import exact_match, token_f1

QA: dict[str, Any] = {
    "id": "q1",
    "title": "ignored",
    "context": "The gates were oak, old oak.",
    "question": "Which wood?",
    "answers": {"text": ["oak", "old oak", "oak"], "answer_start": [15, 20, 24]},
}
NEWS: dict[str, Any] = {"id": "n1", "article": "Long story.", "highlights": "Short."}
NO_LISTS = (
    "answers is not {text: [...], answer_start: [...]} with lists of one length; expected that, or "
    "texts"
)
NO_ANSWER = "the question has no answer; expected one, or unanswerable: drop or empty"


def answers(text: Any, start: Any) -> dict[str, Any]:
    return {"answers": {"text": text, "answer_start": start}}


def test_a_question_with_its_distinct_answers_in_order() -> None:
    expected = Instance("q1", "Which wood?", "The gates were oak, old oak.", ["oak", "old oak"])
    assert checked(Rows([QA], "o", "w"), "qa").instances == [expected]


def test_an_article_with_its_highlights() -> None:
    expected = [Instance("n1", None, "Long story.", ["Short."])]
    assert checked(Rows([NEWS], "o", "w"), "summarization").instances == expected


def test_answers_may_be_plain_texts_anywhere() -> None:
    rows = [{**QA, "id": "1", "answers": "elm"}, {**QA, "id": "2", "answers": ["elm", "", "elm"]}]
    found = checked(Rows(rows, "o", "w"), "qa").instances
    assert [instance.references for instance in found] == [["elm"], ["elm"]]


# The columns of well-known data sets of the hub.
@pytest.mark.parametrize(
    ("task", "columns", "row", "expected"),
    [
        (
            "summarization",  # EdinburghNLP/xsum
            {"id": "id", "context": "document", "reference": "summary"},
            {"id": "3", "document": "Long.", "summary": "Short."},
            Instance("3", None, "Long.", ["Short."]),
        ),
        (
            "summarization",  # knkarthick/samsum
            {"id": "id", "context": "dialogue", "reference": "summary"},
            {"id": 13818513, "dialogue": "A: Hi\r\nB: Hi", "summary": "They greet."},
            Instance("13818513", None, "A: Hi\r\nB: Hi", ["They greet."]),
        ),
        (
            "qa",  # mandarjoshi/trivia_qa; its aliases need not be in the context
            {"id": "question_id", "context": "entity_pages.text", "question": "question",
             "reference": "answer.aliases"},
            {"question_id": "tc_2", "question": "Which?", "entity_pages": {"text": "Page."},
             "answer": {"aliases": ["Sinclair Lewis", "Lewis"], "value": "Sinclair Lewis"}},
            Instance("tc_2", "Which?", "Page.", ["Sinclair Lewis", "Lewis"]),
        ),
        (
            "qa",  # natural questions: lists of lists
            {"id": "id", "context": "document", "question": "question.text",
             "reference": "annotations.short_answers.text"},
            {"id": "1", "document": "Page.", "question": {"text": "Who?"}, "annotations": [
                {"short_answers": [{"text": "A"}, {"text": "B"}]}, {"short_answers": []},
                {"short_answers": [{"text": "A"}]}]},
            Instance("1", "Who?", "Page.", ["A", "B"]),
        ),
        (
            "qa",  # answers in two columns, one of them empty; a name with a dot
            {"id": "id", "context": "c", "question": "q.text", "reference": ["first", "second"]},
            {"id": "1", "c": "Page.", "q.text": "Who?", "first": "A", "second": None},
            Instance("1", "Who?", "Page.", ["A"]),
        ),
        (
            "qa",  # the spans of SQuAD under another name are looked for
            {"id": "id", "context": "c", "question": "q", "reference": "spans"},
            {"id": "1", "c": "Page.", "q": "Who?", "spans": {"text": ["ge"], "answer_start": [2]}},
            Instance("1", "Who?", "Page.", ["ge"]),
        ),
    ],
    ids=["xsum", "samsum", "triviaqa", "natural questions", "two columns", "spans"],
)  # fmt: skip
def test_columns_of_any_name_are_mapped(
    task: str, columns: dict[str, Any], row: dict[str, Any], expected: Instance
) -> None:
    mapping = RowSettings(columns=Columns.model_validate(columns))
    assert [*mapping.problems(task)] == []
    assert checked(Rows([row], "o", "w"), task, mapping).instances == [expected]


def test_a_path_that_leads_nowhere_is_a_missing_column() -> None:
    mapping = RowSettings(columns=Columns(context="a.b", question="q", reference="r.s"))
    row = {"a": {"c": 1}, "q": "Who?", "r": "text"}
    with pytest.raises(PoqError) as error:
        checked(Rows([row], "origin", "news"), "qa", mapping)
    assert str(error.value) == (
        "news, row 1: columns ['a.b', 'r.s'] are missing; expected a.b, q, r.s"
    )


def test_without_an_id_texts_identify_a_row() -> None:
    mapping = RowSettings(columns=Columns(context="c", question="q", reference="r"))
    rows = [{"c": "Page.", "q": question, "r": "A"} for question in ("Who?", "Why?")]
    found = checked(Rows(rows, "o", "w"), "qa", mapping).instances
    assert len({instance.id for instance in found}) == 2
    assert [*reversed(found)] == checked(Rows(rows[::-1], "o", "w"), "qa", mapping).instances
    with pytest.raises(PoqError, match=r"^news, row 3: its texts were used before, in row 1$"):
        checked(Rows([*rows, rows[0] | {"r": "B"}], "origin", "news"), "qa", mapping)


NO_ANSWERS = [{**QA, "id": f"q{i}", **answers([], [])} for i in range(2)]


def test_questions_without_an_answer_are_an_error_that_names_the_key() -> None:
    for on_bad_row in ("error", "drop"):
        settings = RowSettings.model_validate({"on_bad_row": on_bad_row})
        with pytest.raises(PoqError) as error:
            checked(Rows([QA | {"id": "a"}, *NO_ANSWERS], "origin", "squad"), "qa", settings)
        assert str(error.value) == (
            f"squad, row 2: {NO_ANSWER}\n  2 of 3 rows cannot be used: 2 unanswerable; expected "
            "none, or on_bad_row: drop and unanswerable: drop or empty"
        )


def test_questions_without_an_answer_are_dropped_or_have_an_empty_one() -> None:
    rows = Rows([QA | {"id": "a"}, *NO_ANSWERS], "origin", "squad")
    dropped = checked(rows, "qa", RowSettings(unanswerable="drop"))
    assert [instance.id for instance in dropped.instances] == ["a"]
    assert dropped.outcomes == {"kept": 1, "unanswerable": 2}
    kept = checked(rows, "qa", RowSettings(unanswerable="empty"))
    assert [i.references for i in kept.instances] == [["oak", "old oak"], [""], [""]]
    assert kept.outcomes == {"kept": 3}
    # as in the official evaluation of SQuAD 2.0: no answer is right, any answer is wrong
    for output, value in (("", 1.0), ("oak", 0.0)):
        assert token_f1(output, kept.instances[1].references) == value
        assert exact_match(output, kept.instances[1].references) == value


def test_bad_rows_are_dropped_and_counted_most_first() -> None:
    bad: list[dict[str, Any]] = [
        {"context": ""}, {"question": None}, {"context": " "}, {"answers": 5},
        answers(["oak"], [14]), {"id": "q1"}, {"id": ""},
    ]  # fmt: skip
    rows = [QA, *({**QA, "id": f"bad {i}", **change} for i, change in enumerate(bad))]
    found = checked(Rows(rows, "origin", "w"), "qa", RowSettings(on_bad_row="drop"))
    assert [instance.id for instance in found.instances] == ["q1"]
    assert [*found.outcomes.items()] == [
        ("kept", 1), ("context empty", 2), ("column missing", 1), ("wrong type", 1),
        ("answer no span", 1), ("repeated row", 1), ("id empty", 1),
    ]  # fmt: skip
    with pytest.raises(PoqError) as error:
        checked(Rows(rows, "origin", "w"), "qa")
    assert str(error.value) == (
        "w, row 2: the context is empty\n  7 of 8 rows cannot be used: 2 context empty, 1 column "
        "missing, 1 wrong type, 1 answer no span, 1 repeated row, 1 id empty; expected none, or "
        "on_bad_row: drop"
    )


def test_a_source_of_bad_rows_alone_is_refused() -> None:
    with pytest.raises(PoqError, match=r"^w, row 1: the context is empty$"):
        checked(Rows([{**QA, "context": ""}], "o", "w"), "qa", RowSettings(on_bad_row="drop"))


@pytest.mark.parametrize(
    ("task", "values", "problem"),
    [
        ("qa", {"columns": {"context": "c", "reference": "r"}},
         ("columns.question", "nothing", "a column, for task qa")),
        ("summarization", {"columns": {"context": "c", "reference": "r", "question": "q"}},
         ("columns.question", "'q'", "no such key for task summarization")),
        ("summarization", {"unanswerable": "empty"},
         ("unanswerable", "'empty'", "no such key for task summarization")),
    ],
)  # fmt: skip
def test_what_a_task_lacks_or_cannot_have_is_a_problem(
    task: str, values: dict[str, Any], problem: tuple[str, str, str]
) -> None:
    assert [*RowSettings.model_validate(values).problems(task)] == [problem]


def test_order_is_kept_and_a_numeric_id_becomes_text() -> None:
    rows = [{**QA, "id": 2}, {**QA, "id": "1"}]
    assert [found.id for found in checked(Rows(rows, "o", "w"), "qa").instances] == ["2", "1"]


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
        ({"answers": 5}, "answers holds a int; expected texts"),
        ({"answers": ["oak", 5]}, "answers holds a int; expected texts"),
        ({"answers": {"text": ["oak"]}}, NO_LISTS),
        (answers("oak", [15]), NO_LISTS),
        (answers(["oak"], [15, 24]), NO_LISTS),
        (answers([None], [15]), "answers.text holds something that is not text"),
        (answers(["oak"], ["15"]), "answers.answer_start holds something that is not a whole "
                                   "number"),
        (answers([], []), NO_ANSWER),
        (answers([""], [15]), NO_ANSWER),
        ({"answers": []}, NO_ANSWER),
        ({"answers": " "}, NO_ANSWER),
        (answers(["oak"], [14]), "answer 'oak' is no span of the context at 14; found ' oa'"),
        (answers(["oak"], [99]), "answer 'oak' is no span of the context at 99; found ''"),
        (answers(["oak"], [-4]), "answer 'oak' is no span of the context at -4; found ''"),
        (answers(["oak", "elm"], [15, 15]), "answer 'elm' is no span of the context at 15; found "
                                            "'oak'"),
    ],
)  # fmt: skip
def test_a_malformed_question_is_refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(PoqError) as error:
        checked(Rows([QA, {**QA, "id": "q2", **change}], "origin", "data.jsonl"), "qa")
    assert str(error.value) == f"data.jsonl, row 2: {problem}"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"highlights": None}, "columns ['highlights'] are missing; expected id, article, "
                               "highlights"),
        ({"highlights": {"text": "Short."}}, "highlights is not {text: [...], answer_start: [...]} "
                                             "with lists of one length; expected that, or texts"),
        ({"highlights": " "}, "the reference is empty"),
        ({"article": ""}, "the context is empty"),
    ],
)  # fmt: skip
def test_a_malformed_article_is_refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(PoqError) as error:
        checked(Rows([{**NEWS, **change}], "origin", "news"), "summarization")
    assert str(error.value) == f"news, row 1: {problem}"


@pytest.mark.parametrize(("first", "second"), [("1", "1"), ("1", 1)])
def test_an_id_is_used_once(first: str, second: str | int) -> None:
    rows = [{**NEWS, "id": first}, {**NEWS, "id": "other"}, {**NEWS, "id": second}]
    with pytest.raises(PoqError) as error:
        checked(Rows(rows, "origin", "news"), "summarization")
    assert str(error.value) == f"news, row 3: id {str(second)!r} was used before, in row 1"


def test_a_source_without_rows_is_refused() -> None:
    with pytest.raises(PoqError, match=r"^news: has no rows; expected at least one$"):
        checked(Rows([], "origin", "news"), "summarization")
