"""Rows in the column layouts of the Hugging Face hub, checked.

``qa``: SQuAD's ``id``, ``context``, ``question``, ``answers{text, answer_start}``.
``summarization``: CNN/DailyMail's ``id``, ``article``, ``highlights``. Further columns are
ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from poq import kinds
from poq.errors import PoqError

COLUMNS = {
    "qa": ("id", "context", "question", "answers"),
    "summarization": ("id", "article", "highlights"),
}


class Rows(NamedTuple):
    """Raw rows and where they came from; ``origin`` is stored, ``where`` names it in errors."""

    rows: Sequence[Mapping[str, Any]]
    origin: str
    where: str


class Instance(NamedTuple):
    """A valid task instance; only one of a log may be without a reference."""

    id: str
    question: str | None
    context: str
    references: list[str]


class Corpus(NamedTuple):
    """Valid task instances and where they came from, as in :class:`Rows`."""

    instances: list[Instance]
    origin: str
    where: str


def read(settings: Any, task: str) -> Corpus:
    """Read the task instances of a source, in its order; see :func:`instances`.

    Args:
        settings: of one of the kinds of ``poq.corpus``.
        task: the task whose layout the source has.
    """
    found: Rows | Corpus = kinds.load("poq.corpus", settings.kind).read(settings, task)
    if isinstance(found, Corpus):
        return found
    return Corpus(instances(found, task), found.origin, found.where)


def instances(source: Rows, task: str) -> list[Instance]:
    """Return the task instances of a source, in its order.

    Raises:
        PoqError: there is no row; a column is missing or of the wrong type; an id occurs twice;
            a text or reference is empty; an answer is not the span that it claims to be. The
            message names the source and the row, counted from 1.
    """
    if not source.rows:
        raise PoqError(f"{source.where}: has no rows; expected at least one")
    parse = _qa if task == "qa" else _summarization
    seen: dict[str, int] = {}
    found: list[Instance] = []
    for number, row in enumerate(source.rows, start=1):
        problem = next(_layout_problems(row, task), None)
        instance = None if problem else parse(row)
        problem = problem or next(_problems(row, instance), None)
        if problem is None and str(row["id"]) in seen:
            problem = f"id {row['id']!r} was used before, in row {seen[str(row['id'])]}"
        if problem is not None or instance is None:
            raise PoqError(f"{source.where}, row {number}: {problem}")
        seen[instance.id] = number
        found.append(instance)
    return found


def _layout_problems(row: Mapping[str, Any], task: str) -> Iterator[str]:
    missing = [name for name in COLUMNS[task] if row.get(name) is None]
    if missing:
        yield f"columns {missing} are missing; expected {', '.join(COLUMNS[task])}"
        return
    for name in COLUMNS[task]:
        if name == "answers":
            yield from _answers_problems(row["answers"])
        elif name == "id" and isinstance(row[name], int) and not isinstance(row[name], bool):
            continue
        elif not isinstance(row[name], str):
            yield f"{name} is a {type(row[name]).__name__}; expected text"


def _answers_problems(answers: Any) -> Iterator[str]:
    texts = answers.get("text") if isinstance(answers, Mapping) else None
    starts = answers.get("answer_start") if isinstance(answers, Mapping) else None
    if not isinstance(texts, list) or not isinstance(starts, list) or len(texts) != len(starts):
        yield "answers is not {text: [...], answer_start: [...]} with lists of one length"
    elif not all(isinstance(text, str) for text in texts):
        yield "answers.text holds something that is not text"
    elif not all(isinstance(start, int) for start in starts):
        yield "answers.answer_start holds something that is not a whole number"


def _problems(row: Mapping[str, Any], instance: Instance | None) -> Iterator[str]:
    if instance is None:
        return
    if not instance.id.strip():
        yield "the id is empty"
    if not instance.context.strip():
        yield "the context is empty"
    if instance.question is not None and not instance.question.strip():
        yield "the question is empty"
    if not instance.references or not all(text.strip() for text in instance.references):
        yield "a reference is empty; expected at least one, none of them empty"
    if instance.question is not None:
        for text, start in zip(row["answers"]["text"], row["answers"]["answer_start"], strict=True):
            found = instance.context[start : start + len(text)] if start >= 0 else ""
            if found != text:
                yield f"answer {text!r} is no span of the context at {start}; found {found!r}"


def _qa(row: Mapping[str, Any]) -> Instance:
    references = list(dict.fromkeys(row["answers"]["text"]))
    return Instance(str(row["id"]), row["question"], row["context"], references)


def _summarization(row: Mapping[str, Any]) -> Instance:
    return Instance(str(row["id"]), None, row["article"], [row["highlights"]])
