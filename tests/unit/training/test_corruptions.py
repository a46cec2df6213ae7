from typing import get_args

import numpy as np
import pytest

from poq.schema import CORRUPTIONS as IN_TABLE
from poq.training.corruptions import (
    CORRUPTIONS,
    Entity,
    Subject,
    entities,
    entity_swapped,
    name_words,
    off_topic,
    shuffled,
)
from poq.training.settings import Corruption

CONTEXT = (
    "Stone arches cross the Ember at Varn. In 1893 the engineer Clara Dunmore built them, "
    "and they hold two hundred tons."
)


def vary(kind: str, subject: Subject, seed: int = 0) -> list[tuple[float, str]]:
    return CORRUPTIONS[kind](subject, np.random.default_rng(seed))


def about(*references: str, context: str = CONTEXT, question: str | None = None) -> Subject:
    return Subject(question, context, references)


def test_settings_table_and_functions_know_the_same_kinds() -> None:
    assert get_args(Corruption) == IN_TABLE == (*CORRUPTIONS, "node_output")


def test_untouched_gives_every_reference() -> None:
    assert vary("untouched", about("a b", "c")) == [(0, "a b"), (0, "c")]


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        # 8 words: 6, 4 and 2 stay
        ("a b c d e f g h", ["a b c d e f", "a b c d", "a b"]),
        # 3 words: of 2.25, 1.5 and 0.75 the next whole number
        ("a b c", ["a b c", "a b", "a"]),
        ("a", ["a", "a", "a"]),
    ],
)
def test_truncated_keeps_the_beginning(reference: str, expected: list[str]) -> None:
    found = vary("truncated", about(reference))
    assert found == list(zip([0.25, 0.5, 0.75], expected, strict=True))


def test_names_and_numbers_are_found() -> None:
    names = name_words(CONTEXT)
    # "Stone" and "In" begin sentences
    assert names == {"Ember", "Varn", "Clara", "Dunmore"}
    found = entities(CONTEXT, names)
    assert [(entity.text, entity.is_number) for entity in found] == [
        ("Ember", False),
        ("Varn", False),
        ("1893", True),
        ("Clara Dunmore", False),
        ("two hundred", True),
    ]
    assert all(CONTEXT[entity.start : entity.end] == entity.text for entity in found)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Twenty-four points, 1,500 men at 7:30, 2.5 miles.", ["Twenty-four", "1,500", "7:30"]),
        ("someone often weighs a K40 kettle", []),  # no number inside a word
        ("nine hundred dollars in 1858", ["nine hundred", "1858"]),
    ],
)
def test_numbers(text: str, numbers: list[str]) -> None:
    found = [entity.text for entity in entities(text, frozenset()) if entity.is_number]
    assert found[: len(numbers)] == numbers
    assert bool(found) == bool(numbers)


def test_a_word_that_occurs_in_lower_case_is_no_name() -> None:
    assert name_words("the Bridge fell; a bridge at Varn, said I.") == {"Varn"}
    assert name_words('He left. "Varn is far," said Ann.') == {"Ann"}
    assert entities("Ann left Varn", frozenset({"Ann"})) == [Entity(0, 3, "Ann", False)]


def test_entities_are_swapped_for_their_like() -> None:
    found = vary("entity_swapped", about("Clara Dunmore in 1893"))
    # two entities: half is one, all is two
    assert [grade for grade, _ in found] == [0.5, 1]
    half, whole = (text for _, text in found)
    names, numbers = ["Clara Dunmore", "Ember", "Varn"], ["1893", "two hundred"]
    allowed = {f"{name} in {number}" for name in names for number in numbers}
    assert {half, whole} < allowed
    assert half.startswith("Clara Dunmore in") != half.endswith("1893")
    assert "Clara" not in whole
    assert whole.endswith("in two hundred")


def test_another_context_gives_what_the_own_lacks() -> None:
    own = "They built it in 1893 at Varn."
    subject = Subject(None, own, ["in 1893"], elsewhere=["It took 12 men at Eld."])
    assert [text for _, text in vary("entity_swapped", subject)] == ["in 12"] * 2
    assert entity_swapped(Subject(None, own, ["in 1893"]), np.random.default_rng(0)) == []
    assert vary("entity_swapped", about("the arches")) == []


@pytest.mark.parametrize("seed", range(5))
def test_shuffled_moves_half_or_all_words(seed: int) -> None:
    words = list("abcdef")
    found = vary("shuffled", about(" ".join(words)), seed)
    moved = [sum(x != y for x, y in zip(text.split(), words, strict=True)) for _, text in found]
    assert moved == [3, 6]
    assert [sorted(text.split()) for _, text in found] == [words, words]


def test_two_words_change_places_and_one_stays() -> None:
    assert shuffled(about("a b"), np.random.default_rng(0)) == [(0.5, "b a"), (1, "b a")]
    assert vary("shuffled", about("a")) == []


def test_widened_takes_the_words_around() -> None:
    found = vary("widened", about("Clara Dunmore", "no span", "tons."))
    assert [text for _, text in found] == [
        "the engineer Clara Dunmore built them,",
        "Varn. In 1893 the engineer Clara Dunmore built them, and they hold",
        "two hundred tons.",
        "and they hold two hundred tons.",
    ]
    # 4 of 6 words were added, 10 of 12, 2 of 3, 5 of 6
    assert [grade for grade, _ in found] == pytest.approx([4 / 6, 10 / 12, 2 / 3, 5 / 6])


def test_widened_finds_whole_words_only() -> None:
    subject = about("four", context="Fourteen or fourteen, then four more")
    assert next(text for _, text in vary("widened", subject)) == "fourteen, then four more"


@pytest.mark.parametrize("seed", range(5))
def test_misplaced_spans_are_as_long_as_a_reference(seed: int) -> None:
    found = vary("misplaced", about("x y z"), seed)
    assert len(found) == 3
    assert all(len(text.split()) == 3 and text in CONTEXT for _, text in found)
    # a context that is shorter than the reference is taken whole
    assert vary("misplaced", about("x y z", context="a b"), seed) == [(1, "a b")] * 3


def test_echoed_repeats_question_and_beginning() -> None:
    first = "Stone arches cross the Ember at Varn."
    assert vary("echoed", about("x", question="Who?")) == [(1, "Who?"), (1, first), (1, CONTEXT)]
    assert vary("echoed", about("x")) == [(1, first), (1, CONTEXT)]


def test_off_topic_takes_all_siblings_and_two_strangers() -> None:
    subject = Subject(None, "c", ["x"], siblings=["s", "t"], strangers=["u", "v", "w"])
    texts = [text for _, text in vary("off_topic", subject)]
    assert texts[:2] == ["s", "t"]
    assert len(set(texts[2:])) == 2
    assert set(texts[2:]) < {"u", "v", "w"}


def test_looped_says_one_and_three_words_over_and_over() -> None:
    # a reference of seven words: 7 times one word, ceil(7 / 3) = 3 times three
    found = vary("looped", about("a b c d e f g", context="x y z"))
    assert [grade for grade, _ in found] == [1, 1]
    one, three = (text.split() for _, text in found)
    assert one in (["x"] * 7, ["y"] * 7, ["z"] * 7)
    assert three == ["x", "y", "z"] * 3
    # at least twice, and a context of one word has no three
    assert [text for _, text in vary("looped", about("a", context="x"))] == ["x x", "x x"]


def test_a_single_prompt_has_nothing_off_topic() -> None:
    assert off_topic(about("x"), np.random.default_rng(0)) == []
