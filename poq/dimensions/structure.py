"""Structure: is the output formed as the task asks, whatever it says?

The mean of these signals, each in [0, 1] (1 is good) and a column of its own:

- ``format``: share of checks passed. Both tasks: no list marks, no role labels ("A:"), no markup,
  no colon at the end (an announcement). Question answering: one line, one sentence at most.
  Summarization: begins as a sentence does, with a capital or digit.
- ``length``: 1 within the task's norm, else how far from it: words / low below, high / words above.
  The norm is the range from the 10 % to the 90 % quantile of word counts of the calibration
  prompts' references; without references, of the median word counts of their outputs.
- ``repetition``: share of distinct n-grams of three words (distinct-n, Li et al., 2016).
- ``degeneration``: share of words that are no loop: the end of the text that says again what stands
  just before it (the repetition that small models fall into, Holtzman et al., 2020).
- ``truncation``: 0 if the node was cut at its limit of tokens. Where no finish reason was logged,
  whether a summary ends as a sentence does.
- ``echo``: share of words that are not copied from the prompt's question or instruction, in
  n-grams of three words. What the context has too does not count: answers and extractive summaries
  are rightly copied from it. Of logged outputs the instruction is unknown: the question counts.
- ``emptiness``: 0 for an output without a letter or digit.

Kind and most names from arXiv 2603.04028; the formulas are ours. It sees the form; it cannot see
the content: a well-formed falsehood is at 1, and a right answer in a full sentence is marked down.
The checks are made for English prose.

Range [0, 1]: 0 for an empty output, whose other signals are null. A signal that is undefined is
null and left out of the mean: truncation of an answer without a finish reason, length where the
calibration split has no text of the task, echo where neither prompt nor question is known.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from math import fsum
from typing import Any, Literal

import polars as pl

from poq.dimensions.base import OUTPUT, DimensionSettings, Inputs
from poq.sentences import sentences

GRAM = 3
"""Words of the n-grams behind repetition and echo; shorter texts are one n-gram."""
NORM: tuple[tuple[float, Literal["lower", "higher"]], ...] = ((0.1, "lower"), (0.9, "higher"))
"""Quantiles of word counts that the norm of a task lies between, widened to counts that occur."""
SIGNALS = (
    "format", "length", "repetition", "degeneration", "truncation", "echo", "emptiness",
)  # fmt: skip
_WORD = re.compile(r"[^\W_]+")  # an underscore is punctuation
# White space up to a line's end alone: with line breaks, a text of them would take hours.
_LIST_MARK = re.compile(r"^[^\S\n]*(?:[-*\u2022\u2013]|\(?\d{1,2}[.)])\s", re.MULTILINE)
_ROLE_LABEL = re.compile(
    r"^[^\S\n]*(?:question|answer|passage|article|context|summary|highlights|user|assistant|system|"
    r"human|ai|q|a)\s*:",
    re.MULTILINE | re.IGNORECASE,
)
_MARKUP = re.compile(
    r"\*\*|```|^[^\S\n]*#{1,6}\s|^[^\S\n]*\|.*\||\]\(|</?[a-z][^<>]*>|<\|", re.MULTILINE
)
_SENTENCE_START = re.compile(r"\W*[A-Z0-9]")
_SENTENCE_END = re.compile(r"[.!?][\s\"'\u201d\u2019)\]]*$")


class Settings(DimensionSettings):
    """Form of the output, by signals that are kept as columns."""

    kind: Literal["structure"]


def measure(settings: Settings, inputs: Inputs) -> pl.DataFrame:
    """Return the structure of each output, and its signals."""
    norms = {task: norm(rows) for (task,), rows in inputs.outputs.group_by("task")}

    @cache
    def asked(prompt: str, context: str, n: int) -> set[tuple[str, ...]]:
        """Return the n-grams of a prompt that its context does not have."""
        rest = prompt.replace(context, "\n") if context else prompt
        return set(_grams(words(rest), n)) - set(_grams(words(context), n))

    rows: list[dict[str, Any]] = []
    told = inputs.outputs.select(
        "task", "output", "finish_reason", pl.coalesce("prompt", "question"), "context"
    )
    for task, output, reason, prompt, context in told.iter_rows():
        said = words(output)
        signals: dict[str, float | None] = dict.fromkeys(SIGNALS)
        signals["emptiness"] = float(bool(said))
        if said:
            signals |= {
                "format": form(task, output),
                "length": length(len(said), norms[task]),
                "repetition": distinct(said),
                "degeneration": 1 - loop(said) / len(said),
                "truncation": truncation(task, output, reason),
                "echo": None
                if prompt is None
                else 1 - copied(said, asked(prompt, context, min(GRAM, len(said)))),
            }
        known = [value for value in signals.values() if value is not None]
        # sum() rounds otherwise from Python 3.12 on.
        rows.append({"value": fsum(known) / len(known) if said else 0.0, **signals})
    schema = dict.fromkeys(("value", *SIGNALS), pl.Float64)
    return inputs.outputs.select(OUTPUT).hstack(pl.DataFrame(rows, schema=schema))


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation."""
    return _WORD.findall(text.lower())


def norm(rows: pl.DataFrame) -> tuple[float, float] | None:
    """Return the range of word counts that one task's calibration prompts ask for; None without.

    Args:
        rows: outputs of one task, joined with their prompts.
    """
    calibration = rows.filter(pl.col("split") == "calibration")
    prompts = calibration.unique("prompt_id", keep="any").sort("prompt_id")
    counts = pl.Series(
        [len(words(text)) for texts in prompts["references"] for text in texts], dtype=pl.Float64
    )
    if counts.is_empty():
        lengths = calibration["output"].map_elements(lambda text: len(words(text)), pl.Int64)
        counts = (
            calibration.select("prompt_id", count=lengths)
            .group_by("prompt_id")
            .agg(pl.col("count").median())["count"]
        )
    if counts.is_empty():
        return None
    low, high = (counts.quantile(q, interpolation=end) or 0.0 for q, end in NORM)
    return low, high


def form(task: str, output: str) -> float:
    """Return the share of checks of the task's format that an output passes."""
    checks = [
        not _LIST_MARK.search(output),
        not _ROLE_LABEL.search(output),
        not _MARKUP.search(output),
        not output.rstrip().endswith(":"),
    ]
    if task == "qa":
        checks += ["\n" not in output.strip(), len(sentences(output)) <= 1]
    else:
        checks.append(_SENTENCE_START.match(output) is not None)
    return sum(checks) / len(checks)


def length(count: int, norm: tuple[float, float] | None) -> float | None:
    """Return 1 within the norm, else the ratio to its nearer end; None without a norm."""
    if norm is None:
        return None
    low, high = norm
    return min(1.0, count / low if low > 0 else 1.0, high / count)


def distinct(said: Sequence[str]) -> float:
    """Return the share of distinct n-grams among all n-grams of a text with words."""
    grams = _grams(said, min(GRAM, len(said)))
    return len(set(grams)) / len(grams)


def loop(said: Sequence[str]) -> int:
    """Return how many words at the end only say again what stands just before them.

    The end must hold a unit of words twice in full, a single word three times; a last repetition
    may break off. Of several units the one that explains most.
    """
    again = _repeats(said[::-1])
    periods = range(1, len(said) // 2 + 1)
    return max((again[p] for p in periods if again[p] >= max(p, 2)), default=0)


def _repeats(words: Sequence[str]) -> list[int]:
    """Return for each place how many words from there on are those from the start on.

    In linear time (the Z function, Gusfield, 1997, sec. 1.3): an output may be a megabyte of one
    word. The place 0 has 0.
    """
    same = [0] * len(words)
    left = right = 0  # the match that reaches furthest
    for place in range(1, len(words)):
        if place < right:
            same[place] = min(right - place, same[place - left])
        while place + same[place] < len(words) and words[same[place]] == words[place + same[place]]:
            same[place] += 1
        if place + same[place] > right:
            left, right = place, place + same[place]
    return same


def truncation(task: str, output: str, finish_reason: str | None) -> float | None:
    """Return 0 for an output that was cut, else 1; None where nothing tells."""
    if finish_reason is not None:
        return float(finish_reason != "length")
    return None if task == "qa" else float(_SENTENCE_END.search(output) is not None)


def copied(said: Sequence[str], grams: set[tuple[str, ...]]) -> float:
    """Return the share of words of a text that lie in one of the n-grams."""
    n = min(GRAM, len(said))
    places = {
        place
        for start, gram in enumerate(_grams(said, n))
        if gram in grams
        for place in range(start, start + n)
    }
    return len(places) / len(said)


def _grams(said: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(said[start : start + n]) for start in range(len(said) - n + 1)]
