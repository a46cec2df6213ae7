"""A megabyte of text comes to an end, wherever our own code looks at outputs.

What goes back and forth in a text takes hours for one of these, and minutes of a timeout.
"""

from __future__ import annotations

import pytest

from poq.dimensions import structure
from poq.evaluators import lexical
from poq.metrics.rouge import rouge
from poq.metrics.squad import token_f1
from poq.sentences import evidence, sentences
from tests.security.hostile import LONG

REFERENCE = "The old bridge over the river is red, and was built in 1900. It leads north."


def look(text: str) -> None:
    """Do with an output all that is done with its text by our own code."""
    said = structure.words(text)
    structure.form("qa", text)
    structure.form("summarization", text)
    structure.truncation("summarization", text, None)
    structure.loop(said)
    if said:
        structure.distinct(said)
    sentences(text)
    evidence(text, "Which colour?", REFERENCE)
    evidence(REFERENCE, "Which colour?", text)
    lexical.precision([text], [REFERENCE])
    token_f1(text, [REFERENCE])
    rouge(text, [REFERENCE])


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", LONG)
def test_a_megabyte_is_looked_at(name: str) -> None:
    look(LONG[name])
