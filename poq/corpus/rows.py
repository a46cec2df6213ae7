"""Rows of a source, checked and turned into task instances.

Without ``columns`` a source has the columns of the Hugging Face hub's best-known data set of its
task; further columns are ignored:

- ``qa``: SQuAD's ``id``, ``context``, ``question``, ``answers{text, answer_start}``;
- ``summarization``: CNN/DailyMail's ``id``, ``article``, ``highlights``.

References are a text, a list of texts, or SQuAD's ``{text, answer_start}``. In SQuAD's layout every
answer must be the span of the context that it claims to be; plain texts claim nothing, so that no
span is looked for. Texts of references that are empty or null are left out.

A row is bad for the first of these reasons: a column is missing or null; a value is of another
type; the id, the context or the question is empty; no reference is left; an answer is no span; its
id was used before (the first row stays). A question without an answer, as SQuAD 2.0 has them, is no
bad row: ``unanswerable`` says what becomes of it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import Field

from poq import kinds
from poq.errors import PoqError
from poq.provenance import digest
from poq.schema import KEPT
from poq.settings import Settings

log = logging.getLogger(__name__)

UNANSWERABLE = "unanswerable"
_SPANS = "{text: [...], answer_start: [...]} with lists of one length"


class Columns(Settings):
    """Which column of a source holds what.

    A path with dots leads into nested values, and through lists: ``answer.aliases``.
    """

    id: str | None = Field(
        None,
        description="Identifier: text or whole numbers. Without it a digest of question and "
        "context takes its place.",
    )
    context: str = Field(description="Passage or article.")
    question: str | None = Field(None, description="Question; needed for task qa, and only there.")
    reference: str | tuple[str, ...] = Field(
        description="Column, or columns, of accepted answers or summaries: a text, a list of "
        "texts, or SQuAD's answers."
    )


COLUMNS = {
    "qa": Columns(id="id", context="context", question="question", reference="answers"),
    "summarization": Columns(id="id", context="article", reference="highlights"),
}


class RowSettings(Settings):
    """Settings of every source of rows."""

    columns: Columns | None = Field(
        None,
        description="Which column holds what; SQuAD's or CNN/DailyMail's columns if left out.",
    )
    unanswerable: Literal["error", "drop", "empty"] = Field(
        "error",
        description="What becomes of a question without an answer, as SQuAD 2.0 has them: an "
        "error; it is left out and counted; or its reference is the empty text, which only an "
        "empty output equals (token F1 and exact match 1).",
    )
    on_bad_row: Literal["error", "drop"] = Field(
        "error",
        description="What becomes of a source with bad rows (see poq/corpus/rows.py): an error "
        "that names the first, or they are left out and counted in table `prompt_rows`.",
    )

    def problems(self, task: str) -> Iterator[tuple[str, str, str]]:
        """Yield key, what was found and what was expected, for what a task needs or cannot have."""
        question = self.columns and self.columns.question
        if task == "qa" and self.columns is not None and question is None:
            yield "columns.question", "nothing", "a column, for task qa"
        elif task != "qa" and question is not None:
            yield "columns.question", repr(question), f"no such key for task {task}"
        if task != "qa" and self.unanswerable != "error":
            yield "unanswerable", repr(self.unanswerable), f"no such key for task {task}"


class Rows(NamedTuple):
    """Raw rows and where they came from; ``origin`` is stored, ``where`` names it in errors."""

    rows: Sequence[Mapping[str, Any]]
    origin: str
    where: str


class Instance(NamedTuple):
    """A valid task instance; only one of a log may be without a reference.

    The reference of a question that has no answer is one empty text.
    """

    id: str
    question: str | None
    context: str
    references: list[str]


class Corpus(NamedTuple):
    """Valid task instances and where they came from, as in :class:`Rows`.

    ``outcomes`` is the number of rows kept, and of those left out by reason, most first.
    """

    instances: list[Instance]
    origin: str
    where: str
    outcomes: Mapping[str, int]


class _BadRow(Exception):  # noqa: N818
    """Why a row is left out, or an error: a reason to count by, and what was found in the row."""

    def __init__(self, reason: str, says: str) -> None:
        super().__init__(says)
        self.reason = reason


def read(settings: Any, task: str) -> Corpus:
    """Read the task instances of a source, in its order; see :func:`checked`.

    Args:
        settings: of one of the kinds of ``poq.corpus``.
        task: the task whose layout the source has.
    """
    found: Rows | Corpus = kinds.load("poq.corpus", settings.kind).read(settings, task)
    if isinstance(found, Corpus):
        return found
    given = settings if isinstance(settings, RowSettings) else RowSettings()
    return checked(found, task, given)


def checked(source: Rows, task: str, settings: RowSettings | None = None) -> Corpus:
    """Return the task instances of a source, in its order, and how many rows were left out.

    Raises:
        PoqError: there is no row, or none is left; a row is bad and bad rows are an error; a
            question has no answer and that is an error. The message names the source and the row,
            counted from 1.
    """
    settings = settings or RowSettings()
    columns = settings.columns or COLUMNS[task]
    seen: dict[str, int] = {}
    found: list[Instance] = []
    bad: list[tuple[int, _BadRow]] = []
    for number, row in enumerate(source.rows, start=1):
        try:
            instance = _instance(row, columns, may_be_empty=settings.unanswerable == "empty")
            if instance.id in seen:
                what = "its texts were" if columns.id is None else f"id {instance.id!r} was"
                raise _BadRow("repeated row", f"{what} used before, in row {seen[instance.id]}")
        except _BadRow as error:
            bad.append((number, error))
        else:
            seen[instance.id] = number
            found.append(instance)
    counts = dict(Counter(problem.reason for _, problem in bad).most_common())
    dropped = {
        UNANSWERABLE: settings.unanswerable == "drop",
        **dict.fromkeys(counts.keys() - {UNANSWERABLE}, settings.on_bad_row == "drop"),
    }
    for number, problem in bad:
        if not (found and dropped[problem.reason]):
            raise PoqError(
                f"{source.where}, row {number}: {problem}"
                + (f"\n  {_summary(counts, len(source.rows))}" if len(bad) > 1 else "")
            )
    if not found:
        raise PoqError(f"{source.where}: has no rows; expected at least one")
    for reason, count in counts.items():
        log.warning("%s: %d of %d rows dropped: %s", source.where, count, len(source.rows), reason)
    return Corpus(found, source.origin, source.where, {KEPT: len(found), **counts})


def _summary(counts: Mapping[str, int], rows: int) -> str:
    reasons = ", ".join(f"{n} {reason}" for reason, n in counts.items())
    return (
        f"{sum(counts.values())} of {rows} rows cannot be used: {reasons}; expected none, or "
        "on_bad_row: drop"
        + (f" and {UNANSWERABLE}: drop or empty" if UNANSWERABLE in counts else "")
    )


def _instance(row: Mapping[str, Any], columns: Columns, *, may_be_empty: bool) -> Instance:
    """Return the task instance of a row.

    Raises:
        _BadRow: the row is bad, or its question has no answer although it must have one.
    """
    given = columns.reference
    sources = (given,) if isinstance(given, str) else given
    named = [name for name in (columns.id, columns.context, columns.question) if name is not None]
    values = {name: _value(row, name) for name in (*named, *sources)}
    missing = [name for name in named if values[name] is None]
    if all(values[name] is None for name in sources):
        missing += sources
    if missing:
        raise _BadRow(
            "column missing", f"columns {missing} are missing; expected {', '.join(values)}"
        )
    for name in named:
        value = values[name]
        number = name == columns.id and isinstance(value, int) and not isinstance(value, bool)
        if not (number or isinstance(value, str)):
            raise _BadRow("wrong type", f"{name} is a {type(value).__name__}; expected text")
    context = values[columns.context]
    question = None if columns.question is None else values[columns.question]
    texts = [text for name in sources for text in _texts(values[name], name)]
    identity = digest([question, context]) if columns.id is None else str(values[columns.id])
    for name, text in (("id", identity), ("context", context), ("question", question)):
        if text is not None and not text.strip():
            raise _BadRow(f"{name} empty", f"the {name} is empty")
    references = [text for text in dict.fromkeys(texts) if text.strip()]
    if not references and question is None:
        raise _BadRow("reference empty", "the reference is empty")
    if not references and not may_be_empty:
        raise _BadRow(
            UNANSWERABLE,
            f"the question has no answer; expected one, or {UNANSWERABLE}: drop or empty",
        )
    for name in sources:
        _check_spans(values[name], context)
    return Instance(identity, question, context, references or [""])


def _value(row: Mapping[str, Any], path: str) -> Any:
    """Return the value at a column's name, or at a path into nested values; None if none."""
    return row[path] if path in row else _at(row, path.split("."))


def _at(value: Any, keys: Sequence[str]) -> Any:
    if not keys:
        return value
    if isinstance(value, Mapping):
        return _at(value.get(keys[0]), keys[1:])
    return [_at(item, keys) for item in value] if isinstance(value, list) else None


def _texts(value: Any, name: str) -> Iterator[str]:
    """Yield the texts of a reference column; nothing for null."""
    if isinstance(value, Mapping):
        texts, starts = value.get("text"), value.get("answer_start")
        if not (isinstance(texts, list) and isinstance(starts, list) and len(texts) == len(starts)):
            raise _BadRow("wrong type", f"{name} is not {_SPANS}; expected that, or texts")
        if not all(isinstance(text, str) for text in texts):
            raise _BadRow("wrong type", f"{name}.text holds something that is not text")
        if not all(isinstance(start, int) for start in starts):
            says = f"{name}.answer_start holds something that is not a whole number"
            raise _BadRow("wrong type", says)
        yield from texts
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, name)
    elif isinstance(value, str):
        yield value
    elif value is not None:
        raise _BadRow("wrong type", f"{name} holds a {type(value).__name__}; expected texts")


def _check_spans(value: Any, context: str) -> None:
    """Check that answers in SQuAD's layout are where they claim to be."""
    if not isinstance(value, Mapping):
        return
    for text, start in zip(value["text"], value["answer_start"], strict=True):
        found = context[start : start + len(text)] if start >= 0 else ""
        if found != text:
            says = f"answer {text!r} is no span of the context at {start}; found {found!r}"
            raise _BadRow("answer no span", says)
