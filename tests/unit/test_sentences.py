from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from poq.provenance import ROOT
from poq.sentences import evidence, leading_sentences, sentences


@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [
        ("One. Two! Three?", 2, "One. Two!"),
        ("One. Two! Three?", 9, "One. Two! Three?"),
        ("It cost 3.50 in all. Then it rained.", 1, "It cost 3.50 in all."),
        ('"Go!" she said. He went.', 1, '"Go!" she said.'),
        ("no end", 1, "no end"),
        ("", 1, ""),
        ("He left (at last.) 12 people came. End.", 1, "He left (at last.)"),
    ],
)
def test_leading_sentences(text: str, count: int, expected: str) -> None:
    assert leading_sentences(text, count) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" One.  Two! Three? ", ["One.", "Two!", "Three?"]),
        ('"Go!" he said.\nShe went', ['"Go!" he said.', "She went"]),
        ("no end", ["no end"]),
        (" ", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


ARCHES = "Arches cross the Ember. Clara Dunmore built the arches. They hold two hundred tons."


@pytest.mark.parametrize(
    ("question", "output", "expected"),
    [
        # "clara" is in one sentence of three, "the" in two: (2/3) / (2/3 + 1/3) against (1/3)
        ("", "the Clara", "Clara Dunmore built the arches."),
        # an output that the context lacks: the question alone decides
        ("What can they hold?", "nothing", "They hold two hundred tons."),
        # the output weighs twice as much as the question
        ("What can they hold?", "Ember", "Arches cross the Ember."),
        # nothing speaks for any: the first
        ("", "?", "Arches cross the Ember."),
    ],
)
def test_evidence(question: str, output: str, expected: str) -> None:
    assert evidence(ARCHES, question, output) == expected


def test_a_word_of_every_sentence_is_no_evidence() -> None:
    assert evidence("Oak burns. Oak and ash fall. Oak grows.", "", "oak ash") == "Oak and ash fall."


def test_evidence_of_no_sentence_is_empty_and_of_one_is_that() -> None:
    assert evidence(" ", "Why?", "oak") == ""
    assert evidence("Old oak", "Why?", "ash") == "Old oak"


def test_ties_do_not_fall_by_the_order_of_a_set() -> None:
    """Regression: sums of floats in the order of a set differ by process."""
    corpus = (ROOT / "resources/corpus/news.jsonl").read_text(encoding="utf-8").splitlines()
    (context,) = (
        row["article"] for row in map(json.loads, corpus) if row["id"] == "oyster-parasite"
    )
    output = (
        "All oyster beds in Cawsand Loch were closed on Friday evening after a parasite was "
        "identified in samples from two of its seven farms. The organism, a single-celled "
        "creature called Bonamella, is harmless to humans but can kill nine in ten mature "
        "oysters within two seasons."
    )
    code = f"from poq.sentences import evidence; print(evidence({context!r}, '', {output!r}))"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(16)
    }
    assert len(found) == 1
