"""The corpus that is shipped: large enough, valid, without copies."""

import re
from itertools import combinations

import pytest

from poq.corpus.packaged import Settings, read
from poq.corpus.rows import Instance, checked

TASKS = ("qa", "summarization")
Grams = set[tuple[str, ...]]


@pytest.fixture(scope="module")
def corpus() -> dict[str, list[Instance]]:
    return {task: checked(read(Settings(kind="packaged"), task), task).instances for task in TASKS}


def grams(text: str, n: int) -> Grams:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}


def test_questions(corpus: dict[str, list[Instance]]) -> None:
    assert len(corpus["qa"]) >= 120
    assert len({instance.context for instance in corpus["qa"]}) >= 40
    assert sum(len(instance.references) > 1 for instance in corpus["qa"]) >= 5


def test_a_question_is_asked_once(corpus: dict[str, list[Instance]]) -> None:
    asked = {(instance.context, instance.question) for instance in corpus["qa"]}
    assert len(asked) == len(corpus["qa"])


def test_articles(corpus: dict[str, list[Instance]]) -> None:
    words = [len(instance.context.split()) for instance in corpus["summarization"]]
    assert len(words) >= 40
    assert min(words) >= 150
    assert max(words) <= 350


def test_highlights_are_short_and_in_words_of_their_own(corpus: dict[str, list[Instance]]) -> None:
    for instance in corpus["summarization"]:
        (highlights,) = instance.references
        assert len(highlights.split()) < len(instance.context.split()) / 2
        assert grams(highlights, 8) & grams(instance.context, 8) == set(), instance.id


def test_no_text_is_nearly_another(corpus: dict[str, list[Instance]]) -> None:
    texts = sorted({instance.context for task in TASKS for instance in corpus[task]})
    for a, b in combinations([grams(text, 5) for text in texts], 2):
        assert len(a & b) / len(a | b) < 0.1
