"""Graded corruptions of a prompt's references: texts whose worth is known without a judge.

Each corruption is a pure function of a :class:`Subject` and a random generator, and returns pairs
of a *grade* (how strong the corruption was meant to be: 0 nothing, 1 everything) and a text. The
grade is not the label: what a text is worth is measured against the references afterwards, so
that a shuffled answer keeps its token F1 of 1, and an off-topic text that shares words by chance
keeps what it shares. A corruption that does not apply (nothing to swap, one word to shuffle)
returns nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from math import ceil
from typing import NamedTuple

import numpy as np

from poq.sentences import leading_sentences

TRUNCATED = (0.25, 0.5, 0.75)
"""Shares of a reference's words that are cut off its end."""
PARTIAL = (0.5, 1.0)
"""Shares of a reference's entities that are swapped, and of its words that are moved."""
WIDENED = (2, 5)
"""Words of the context that are put on each side of a reference."""
ECHOED_SENTENCES = (1, 2)
"""Sentences of the context's beginning."""
MISPLACED = 3
"""Spans of the context that are drawn."""
OFF_TOPIC = 2
"""References of other prompts that are drawn."""
LOOPED = (1, 3)
"""Words that are said over and over."""


class Subject(NamedTuple):
    """A prompt, and what its corruptions are made of.

    ``siblings`` are the references of other prompts on the same context, ``strangers`` those of
    prompts on other contexts (of the same task), ``elsewhere`` those contexts.
    """

    question: str | None
    context: str
    references: Sequence[str]
    siblings: Sequence[str] = ()
    strangers: Sequence[str] = ()
    elsewhere: Sequence[str] = ()


Variant = tuple[float, str]


def untouched(subject: Subject, rng: np.random.Generator) -> list[Variant]:
    """Return the references themselves."""
    return [(0.0, reference) for reference in subject.references]


def truncated(subject: Subject, rng: np.random.Generator) -> list[Variant]:
    """Return each reference without the last 25, 50 and 75 % of its words; one word stays."""
    variants = []
    for reference in subject.references:
        words = reference.split()
        variants += [(g, " ".join(words[: max(1, ceil((1 - g) * len(words)))])) for g in TRUNCATED]
    return variants


def entity_swapped(subject: Subject, rng: np.random.Generator) -> list[Variant]:
    """Return each reference with half and all of its names and numbers replaced.

    A replacement is another entity of the same kind, from the same context if it has one, else
    from another prompt's. See :func:`entities` for what counts as one.
    """
    names = name_words(subject.context)
    pools = [
        entities(subject.context, names),
        [found for text in subject.elsewhere for found in entities(text, name_words(text))],
    ]
    variants = []
    for reference in subject.references:
        replaceable = [
            (entity, choices)
            for entity in entities(reference, names)
            if (choices := _alternatives(entity, reference, pools))
        ]
        for grade in PARTIAL if replaceable else ():
            count = ceil(grade * len(replaceable))
            chosen = sorted(rng.choice(len(replaceable), size=count, replace=False), reverse=True)
            text = reference
            for entity, choices in (replaceable[index] for index in chosen):
                text = (
                    text[: entity.start]
                    + choices[int(rng.integers(len(choices)))]
                    + text[entity.end :]
                )
            variants.append((grade, text))
    return variants


def shuffled(subject: Subject, rng: np.random.Generator) -> list[Variant]:
    """Return each reference with half and all of its words moved to another place."""
    variants = []
    for reference in subject.references:
        words = reference.split()
        for grade in PARTIAL if len(words) > 1 else ():
            places = rng.permutation(len(words))[: max(2, ceil(grade * len(words)))]
            moved = list(words)
            for place, source in zip(places, np.roll(places, 1), strict=True):
                moved[place] = words[source]
            variants.append((grade, " ".join(moved)))
    return variants


def widened(subject: Subject, rng: np.random.Generator) -> list[Variant]:
    """Return each reference that is a span of the context with 2 and 5 words on each side.

    The grade is the share of the text's words that were added.
    """
    variants = []
    for reference in filter(str.strip, subject.references):
        place = re.search(rf"(?<!\w){re.escape(reference)}(?!\w)", subject.context)
        if place is None:
            continue
        before = [match.start() for match in _TOKEN.finditer(subject.context, 0, place.start())]
        after = [match.end() for match in _TOKEN.finditer(subject.context, place.end())]
        for count in WIDENED:
            start = [*before[-count:], place.start()][0]
            end = [place.end(), *after[:count]][-1]
            words = subject.context[start:end].split()
            variants.append((1 - len(reference.split()) / len(words), " ".join(words)))
    return variants


def misplaced(subject: Subject, rng: np.random.Generator) -> list[Variant]:
    """Return spans of the context elsewhere, each as many words long as a reference."""
    words = subject.context.split()
    variants = []
    for _ in range(MISPLACED):
        reference = subject.references[int(rng.integers(len(subject.references)))]
        length = min(len(reference.split()), len(words))
        start = int(rng.integers(len(words) - length + 1))
        variants.append((1.0, " ".join(words[start : start + length])))
    return variants


def echoed(subject: Subject, rng: np.random.Generator) -> list[Variant]:
    """Return what a node says that only repeats: the question, the first sentences."""
    starts = [(1.0, leading_sentences(subject.context, count)) for count in ECHOED_SENTENCES]
    return starts if subject.question is None else [(1.0, subject.question), *starts]


def off_topic(subject: Subject, rng: np.random.Generator) -> list[Variant]:
    """Return references of other prompts: all on the same context, two on other contexts.

    Nothing if there is no other prompt.
    """
    drawn = rng.permutation(len(subject.strangers))[:OFF_TOPIC]
    return [(1.0, text) for text in (*subject.siblings, *(subject.strangers[i] for i in drawn))]


def looped(subject: Subject, rng: np.random.Generator) -> list[Variant]:
    """Return one and three words of the context, over and over, as many as a reference has.

    At least twice, which may be more: the loop of a node that has lost its thread.
    """
    words = subject.context.split()
    variants = []
    for count in LOOPED:
        reference = subject.references[int(rng.integers(len(subject.references)))]
        start = int(rng.integers(max(1, len(words) - count + 1)))
        times = max(2, ceil(len(reference.split()) / count))
        variants.append((1.0, " ".join(words[start : start + count] * times)))
    return variants


CORRUPTIONS: dict[str, Callable[[Subject, np.random.Generator], list[Variant]]] = {
    function.__name__: function
    for function in (
        untouched,
        truncated,
        entity_swapped,
        shuffled,
        widened,
        misplaced,
        echoed,
        off_topic,
        looped,
    )
}

_NUMERAL = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|"
    "eigh|nine)teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundred|thousand|million|billion"
)
_TOKEN = re.compile(r"\S+")
_NUMBER = re.compile(
    rf"(?<!\w)\d+(?:[.,:]\d+)*|\b(?:{_NUMERAL})(?:[\s-](?:{_NUMERAL}))*\b", flags=re.IGNORECASE
)
_WORD = re.compile(r"[^\W\d_](?:[\w'\u2019-]*\w)?")
_SENTENCE_START = re.compile(r"(?:^|[.!?:][\"'\u201d\u2019)\]]*\s+|\n)[\"'\u201c\u2018(\[]*$")


class Entity(NamedTuple):
    """A name or a number in a text."""

    start: int
    end: int
    text: str
    is_number: bool


def name_words(text: str) -> frozenset[str]:
    """Return the words of a text that are taken for names.

    A heuristic in place of a tagger: words with a capital inside a sentence, which never occur
    in lower case. It misses a name that only begins sentences.
    """
    words = list(_WORD.finditer(text))
    small = {match[0] for match in words if match[0][0].islower()}
    return frozenset(
        match[0]
        for match in words
        if match[0][0].isupper()
        and match[0] != "I"
        and match[0].lower() not in small
        and not _SENTENCE_START.search(text[max(0, match.start() - 8) : match.start()])
    )


def entities(text: str, names: frozenset[str]) -> list[Entity]:
    """Return the names and numbers of a text, in order.

    A name is a run of words from ``names``; a number is written in digits, or in the words up to
    billion ("nine hundred").
    """
    found = [Entity(m.start(), m.end(), m[0], True) for m in _NUMBER.finditer(text)]
    taken = {place for entity in found for place in range(entity.start, entity.end)}
    runs: list[tuple[int, int]] = []
    for match in _WORD.finditer(text):
        if match[0] not in names or not taken.isdisjoint(range(*match.span())):
            continue
        if runs and text[runs[-1][1] : match.start()].isspace():
            runs[-1] = (runs[-1][0], match.end())
        else:
            runs.append((match.start(), match.end()))
    return sorted([*found, *(Entity(a, b, text[a:b], False) for a, b in runs)])


def _alternatives(entity: Entity, reference: str, pools: Sequence[Sequence[Entity]]) -> list[str]:
    """Return what may replace an entity, from the first pool that has something."""
    said = reference.lower()
    for pool in pools:
        texts = {
            other.text
            for other in pool
            if other.is_number == entity.is_number and other.text.lower() not in said
        }
        if texts:
            return sorted(texts)
    return []
