import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from poq.errors import PoqError
from poq.prompting import PromptFormat, load_format

EXAMPLE = {"context": "C", "question": "Q?", "answer": "A"}
QA = "Read $context\nAsk $question\nAnswer:\n"
Load = Callable[..., PromptFormat]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load a format from a template and an example that are written to files first."""
    monkeypatch.chdir(tmp_path)

    def write_and_load(
        template: str = QA, example: Any = EXAMPLE, task: str = "qa"
    ) -> PromptFormat:
        text = example if isinstance(example, str) else json.dumps(example)
        Path("template.txt").write_text(template, encoding="utf-8")
        Path("example.json").write_text(text, encoding="utf-8")
        return load_format("template.txt", "example.json", task)

    return write_and_load


def test_render_fills_in_and_drops_the_final_newline(load: Load) -> None:
    assert load().render("Why?", "the sea") == "Read the sea\nAsk Why?\nAnswer:"


def test_inserted_text_is_never_interpreted(load: Load) -> None:
    assert load().render("$context $5 ${x}", "$question") == (
        "Read $question\nAsk $context $5 ${x}\nAnswer:"
    )


def test_worked_example_stands_before_the_prompt(load: Load) -> None:
    assert load().render_with_example("Why?", "the sea") == (
        "Read C\nAsk Q?\nAnswer: A\n\nRead the sea\nAsk Why?\nAnswer:"
    )


def test_summarization_has_no_question(load: Load) -> None:
    found = load("Sum up $context", {**EXAMPLE, "question": None}, "summarization")
    assert found.render(None, "the sea") == "Sum up the sea"
    assert found.render_with_example(None, "the sea") == "Sum up C A\n\nSum up the sea"


def test_a_doubled_dollar_is_a_dollar(load: Load) -> None:
    assert load("$$5: $context", task="summarization").render(None, "x") == "$5: x"


@pytest.mark.parametrize(
    ("template", "task", "found", "expected"),
    [
        ("$context", "qa", "['context']", "['context', 'question']"),
        ("$context $question", "summarization", "['context', 'question']", "['context']"),
        ("$context $article", "summarization", "['article', 'context']", "['context']"),
        ("nothing", "summarization", "[]", "['context']"),
    ],
)
def test_placeholders_have_to_fit_the_task(
    load: Load, template: str, task: str, found: str, expected: str
) -> None:
    with pytest.raises(PoqError) as error:
        load(template, task=task)
    assert str(error.value) == f"template.txt: has placeholders {found}; expected {expected}"


def test_a_stray_dollar_is_found_on_loading(load: Load) -> None:
    with pytest.raises(PoqError, match=r"template\.txt"):
        load("Costs $5: $context", task="summarization")


@pytest.mark.parametrize(
    ("example", "message"),
    [
        ("{", r"^example\.json: is not JSON: .*line 1 column 2"),
        (
            {"context": "C", "question": "Q?"},
            r"^example\.json: expected a JSON object with the keys context, question, answer$",
        ),
        ({**EXAMPLE, "id": 1}, "expected a JSON object with the keys"),
        ([EXAMPLE], "expected a JSON object with the keys"),
    ],
    ids=["not JSON", "key missing", "key too many", "list"],
)
def test_a_malformed_example_is_refused(load: Load, example: Any, message: str) -> None:
    with pytest.raises(PoqError, match=message):
        load(example=example)


@pytest.mark.parametrize(
    ("name", "task"), [("qa", "qa"), ("summarization", "summarization")], ids=["qa", "news"]
)
def test_the_formats_of_the_project_load(root: Path, name: str, task: str) -> None:
    folder = root / "resources" / "templates"
    found = load_format(folder / f"{name}.txt", folder / f"{name}.example.json", task)
    assert "the sea" in found.render("Why?", "the sea")
