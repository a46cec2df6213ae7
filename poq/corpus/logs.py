"""Logged outputs: what models returned elsewhere, from a Parquet, JSON-lines or CSV file.

One row is one output. Its prompt comes from columns of the log, or by its identifier from another
source (``prompts``). The simulation of a network needs the outputs of all models for all prompts,
so a log is a full grid of prompts and models, or has rows that are bad.

A row is bad for the first of these reasons, in this order: its prompt id or model is missing; the
model's name is not printable, holds a ``$`` or is too long; its output is missing (an empty text
is an output); a number is missing, no number, not finite or outside of its range; its context,
question or references are missing, or its prompt id is not in ``prompts``; it repeats another row
(one of them stays); other rows of the same prompt and model differ from it (none stays); the
prompt's texts differ between its rows; its prompt lacks the output of a model of the rows that are
left. Which rows are bad, and so what is read, does not depend on the order of the rows.

Ratings of several raters, one row each, are such rows that repeat or differ: of an output that its
raters disagree on nothing would stay. Average them first, to one row an output.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeAlias

import polars as pl
from pydantic import Field, field_validator, model_validator

from poq import kinds
from poq.corpus.log_files import SUFFIXES, Source, read_columns
from poq.corpus.rows import Corpus, Instance, RowSettings
from poq.corpus.rows import read as read_corpus
from poq.errors import PoqError
from poq.provenance import file_sha256
from poq.schema import KEPT
from poq.settings import Settings as BaseSettings

if TYPE_CHECKING:
    PromptSource: TypeAlias = Any
else:
    PromptSource = kinds.union("poq.corpus", without="logs")

log = logging.getLogger(__name__)

SHOWN = 5
"""Bad rows that an error shows, at most."""
LONGEST = 200
"""Characters of what an error says of a row, at most; a log may hold anything."""
LONGEST_MODEL = 200
"""Characters of a model's name, at most; it stands in figures and pages."""
REPEATED = "repeated row"
CONFLICTING = "conflicting rows of one prompt and model"
ONE_ROW = "expected one row an output: average the ratings of several raters first"
QualityName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Columns(BaseSettings):
    """Which column of a log holds what."""

    prompt: str = Field(description="Identifier of the prompt: text or whole numbers.")
    model: str = Field(description="Model or system that made the output.")
    output: str = Field(description="The output.")
    context: str | None = Field(
        None, description="Passage or article; needed unless `prompts` gives it."
    )
    question: str | None = Field(
        None, description="Question; needed for task qa unless `prompts` gives it."
    )
    reference: str | tuple[str, ...] | None = Field(
        None,
        description="Column, or columns, of accepted answers or summaries: a text or a list of "
        "texts each. Without any there is no token F1, ROUGE, or evaluator that needs a reference.",
    )
    latency: str | None = Field(None, description="Seconds that the output took.")
    cost: str | None = Field(
        None,
        description="What the output cost, in any unit; takes the place of the latency as the "
        "model's cost.",
    )


class Quality(BaseSettings):
    """A numeric column that tells how good an output is, and its range."""

    column: str = Field(description="Column of the log.")
    worst: float = Field(description="Value that stands for quality 0.")
    best: float = Field(description="Value that stands for quality 1; may be the lesser one.")

    @model_validator(mode="after")
    def _range(self) -> Quality:
        if self.worst == self.best:
            raise ValueError("expected worst and best to differ")
        return self


class Settings(BaseSettings):
    """Rows of a log of outputs, which take the place of inference nodes."""

    kind: Literal["logs"]
    path: str = Field(
        description="File, .parquet, .jsonl or .csv, relative to the working directory."
    )
    columns: Columns
    qualities: dict[QualityName, Quality] = Field(
        {}, description="Further reference qualities by name, such as a human score."
    )
    prompts: PromptSource | None = Field(
        None, description="Source of contexts, questions and references, joined by prompt id."
    )
    on_bad_row: Literal["error", "drop"] = Field(
        "error",
        description="What becomes of a log with bad rows (see poq/corpus/logs.py): an error that "
        "names them, or they are left out and counted in table `log_rows`.",
    )

    @field_validator("path")
    @classmethod
    def _suffix(cls, path: str) -> str:
        if Path(path).suffix not in SUFFIXES:
            raise ValueError("expected a file ending in .parquet, .jsonl or .csv")
        return path

    @property
    def has_references(self) -> bool:
        """Whether outputs can be compared with references."""
        return self.prompts is not None or bool(self.columns.reference)

    def problems(self, task: str) -> Iterator[tuple[str, str, str]]:
        """Yield key, what was found and what was expected, for what a task needs or cannot have."""
        of_prompts = {"context": True, "question": task == "qa", "reference": None}
        for name, needed in of_prompts.items():
            column = getattr(self.columns, name)
            if self.prompts is not None and column is not None:
                yield f"columns.{name}", repr(column), "no such key, since `prompts` gives it"
            elif self.prompts is None and needed and column is None:
                yield f"columns.{name}", "nothing", f"a column, or `prompts`, for task {task}"
            elif needed is False and column is not None:
                yield f"columns.{name}", repr(column), f"no such key for task {task}"
        if isinstance(self.prompts, RowSettings):
            for key, found, expected in self.prompts.problems(task):
                yield f"prompts.{key}", found, expected


class Log(NamedTuple):
    """The good rows of a log.

    ``rows`` has ``prompt``, ``model``, ``output`` and, where the log has them, ``latency``,
    ``cost`` and the named qualities in [0, 1]; sorted by prompt and model. ``instances`` are its
    prompts by id; ``outcomes`` is the number of rows kept, and of bad ones by reason, and
    ``prompt_outcomes`` the same of its source of prompts, empty without one.
    """

    rows: pl.DataFrame
    instances: list[Instance]
    outcomes: dict[str, int]
    origin: str
    where: str
    prompt_outcomes: Mapping[str, int]


class Check(NamedTuple):
    """A reason for which a row is bad, and what was found and expected, in words."""

    reason: str
    bad: pl.Expr
    says: pl.Expr


def files(settings: Settings, task: str) -> list[Path]:
    """Return the files that the rows come from."""
    nested = settings.prompts
    further = kinds.load("poq.corpus", nested.kind).files(nested, task) if nested else []
    return [Path(settings.path), *further]


def access_problem(settings: Settings) -> str | None:
    """Return why the log or its source of prompts is out of reach, None if they are not."""
    try:
        read_columns(Path(settings.path), _sources(settings))
    except PoqError as error:
        return str(error)
    nested = settings.prompts
    kind: Any = nested and kinds.load("poq.corpus", nested.kind)
    problem: str | None = kind.access_problem(nested) if hasattr(kind, "access_problem") else None
    return problem


def read(settings: Settings, task: str) -> Corpus:
    """Read the prompts of a log, in the order of their ids; see :func:`read_log`."""
    found = read_log(settings, task)
    return Corpus(found.instances, found.origin, found.where, found.prompt_outcomes)


def read_log(settings: Settings, task: str) -> Log:
    """Read a log and check every row.

    Raises:
        PoqError: a file cannot be read; a row is bad and bad rows are an error; no row is left, or
            rows of fewer than two models.
    """
    path = Path(settings.path)
    rows = read_columns(path, _sources(settings))
    corpus = read_corpus(settings.prompts, task) if settings.prompts is not None else None
    if corpus is None:
        rows = _with_prompts(rows, settings)
    good, bad = _checked(rows, settings, corpus)
    counts = _counts(bad)
    if len(bad) and settings.on_bad_row == "error":
        raise PoqError(_told(path, bad, len(rows)))
    if good.is_empty():
        raise PoqError(_told(path, bad, len(rows)) if len(bad) else f"{path}: has no rows")
    if (models := good["model"].n_unique()) < 2:
        raise PoqError(f"{path}: has outputs of {models} model; expected at least two models")
    for reason, count in counts.items():
        told = f"{reason}; {ONE_ROW}" if reason in (REPEATED, CONFLICTING) else reason
        log.warning("%s: %d of %d rows dropped: %s", path, count, len(rows), told)
    log.info("%s: %d of %d rows kept", path, len(good), len(rows))
    instances = _instances(good) if corpus is None else corpus.instances
    of_prompt = {instance.id: instance for instance in instances}
    origin = f"{path.name}@sha256:{file_sha256(path)[:16]}"
    return Log(
        good.select(
            "prompt", "model", pl.col("output").str.strip_chars(),
            *(pl.col(name) for name in ("latency", "cost") if name in good.columns),
            *_qualities(settings),
        ).sort("prompt", "model"),
        [of_prompt[name] for name in good["prompt"].unique().sort()],
        {KEPT: len(good), **counts},
        origin if corpus is None else f"{origin}, prompts {corpus.origin}",
        str(path),
        {} if corpus is None else corpus.outcomes,
    )  # fmt: skip


def _sources(settings: Settings) -> dict[str, Source]:
    """Return where each of our columns comes from, by its name here."""
    columns = settings.columns
    given = columns.reference
    references = () if given is None else (given,) if isinstance(given, str) else given
    texts = ("prompt", "model", "output", "context", "question")
    numbers = {"latency": columns.latency, "cost": columns.cost}
    numbers |= {name: quality.column for name, quality in settings.qualities.items()}
    return {
        **{name: Source(getattr(columns, name), "text") for name in texts if _has(columns, name)},
        **{f"reference {i}": Source(name, "texts") for i, name in enumerate(references)},
        **{name: Source(column, "number") for name, column in numbers.items() if column},
    }


def _has(columns: Columns, name: str) -> bool:
    return getattr(columns, name) is not None


def _with_prompts(rows: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Return the rows with ``question`` and ``references``, those that are empty left out."""
    named = [name for name in rows.columns if name.startswith("reference ")]
    references = pl.concat_list(named) if named else pl.lit([], pl.List(pl.String))
    filled = references.list.eval(pl.element().filter(pl.element().str.strip_chars() != ""))
    question = pl.col("question") if settings.columns.question else pl.lit(None, pl.String)
    return rows.with_columns(
        references=filled.list.unique(maintain_order=True), question=question
    ).drop(named)


def _checked(
    rows: pl.DataFrame, settings: Settings, corpus: Corpus | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the good rows, and the bad ones as ``row``, ``reason``, ``says``."""
    content = [name for name in rows.columns if name != "row" and not name.endswith(" found")]
    pair = ["prompt", "model"]
    stages: list[Sequence[Check]] = [
        [*_of_row(settings), *_of_prompt(settings, corpus)],
        [
            Check(
                REPEATED,
                ~pl.struct(content).is_first_distinct(),
                pl.format(
                    f"repeats another row of prompt '{{}}' and model '{{}}'; {ONE_ROW}", *pair
                ),
            )
        ],
        [
            Check(
                CONFLICTING,
                pl.len().over(pair) > 1,
                pl.format(
                    f"differs from another row of prompt '{{}}' and model '{{}}'; {ONE_ROW}", *pair
                ),
            )
        ],
    ]
    if corpus is None:
        texts = pl.struct("context", "question", "references")
        differ = texts.n_unique().over("prompt") > 1
        says = pl.format("the texts of prompt '{}' differ from another row's", "prompt")
        stages.append([Check("conflicting texts of one prompt", differ, says)])
    bad = []
    for checks in stages:
        rows, found = _parted(rows, checks)
        bad.append(found)
    rows, found = _parted(rows, [_incomplete(rows)])
    return rows, pl.concat([*bad, found])


def _parted(rows: pl.DataFrame, checks: Sequence[Check]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows that pass every check, and the others with the first that they fail."""
    reason = pl.coalesce(pl.when(check.bad).then(pl.lit(check.reason)) for check in checks)
    says = pl.coalesce(pl.when(check.bad).then(check.says) for check in checks)
    # A column of its own each, since a file's columns may have any name.
    tried = rows.select(pl.col("row").cast(pl.Int64), reason.alias("reason"), says.alias("says"))
    failed = tried["reason"].is_not_null()
    return rows.filter(~failed), tried.filter(failed)


def _of_row(settings: Settings) -> Iterator[Check]:
    """Yield what is checked in every row by itself."""
    blank = {
        name: pl.col(name).str.strip_chars().fill_null("") == "" for name in ("prompt", "model")
    }
    yield Check("prompt id missing", blank["prompt"], pl.lit("the prompt id is missing"))
    yield Check("model missing", blank["model"], pl.lit("the model is missing"))
    yield Check(
        "model not printable",
        pl.col("model").str.contains(r"[\p{C}\p{Zl}\p{Zp}$]"),
        pl.lit("the model's name is not printable or holds a '$'"),
    )
    yield Check(
        "model too long",
        pl.col("model").str.len_chars() > LONGEST_MODEL,
        pl.lit(f"the model's name has more than {LONGEST_MODEL} characters"),
    )
    yield Check("output missing", pl.col("output").is_null(), pl.lit("the output is missing"))
    ranges: dict[str, tuple[float, float]] = {
        name: (0.0, float("inf")) for name in ("latency", "cost") if _has(settings.columns, name)
    }
    for name, quality in settings.qualities.items():
        ranges[name] = min(quality.worst, quality.best), max(quality.worst, quality.best)
    for name, (low, high) in ranges.items():
        value, found = pl.col(name), pl.col(f"{name} found")
        expected = f"; expected a number from {low:g} to {high:g}"
        if high == float("inf"):
            expected = f"; expected a finite number, {low:g} or more"
        says = pl.format(f"{name} is {{}}{expected}", found)
        missing = pl.lit(f"{name} is missing{expected}")
        yield Check(f"{name} missing", found.is_null(), missing)
        yield Check(f"{name} not a number", value.is_null(), says)
        yield Check(f"{name} not finite", ~value.is_finite(), says)
        yield Check(f"{name} out of range", ~value.is_between(low, high), says)


def _of_prompt(settings: Settings, corpus: Corpus | None) -> Iterator[Check]:
    """Yield what is checked of a row's prompt."""
    if corpus is not None:
        known = pl.Series([instance.id for instance in corpus.instances], dtype=pl.String)
        yield Check(
            "prompt id unknown",
            ~pl.col("prompt").is_in(known.implode()),
            pl.format(f"prompt '{{}}' is not in {_plain(corpus.where)}", "prompt"),
        )
        return
    for name in ("context", "question"):
        if _has(settings.columns, name):
            blank = pl.col(name).str.strip_chars().fill_null("") == ""
            yield Check(f"{name} missing", blank, pl.lit(f"the {name} is missing"))
    if settings.has_references:
        none = pl.col("references").list.len() == 0
        yield Check("reference missing", none, pl.lit("the reference is missing"))


def _incomplete(rows: pl.DataFrame) -> Check:
    """Return the check that a prompt has an output of every model, once no pair occurs twice."""
    models = rows["model"].n_unique()
    return Check(
        "prompt without an output of every model",
        pl.len().over("prompt") < models,
        pl.format(
            f"prompt '{{}}' has outputs of {{}} models; expected one of each of {models}",
            "prompt",
            pl.len().over("prompt"),
        ),
    )


def _plain(text: str) -> str:
    """Return a text for ``pl.format``, in which braces have a meaning."""
    return text.replace("{", "(").replace("}", ")")


def _qualities(settings: Settings) -> list[pl.Expr]:
    """Return each quality mapped linearly from its range to [0, 1]."""
    return [
        ((pl.col(name) - q.worst) / (q.best - q.worst)).clip(0, 1).alias(name)
        for name, q in settings.qualities.items()
    ]


def _instances(rows: pl.DataFrame) -> list[Instance]:
    texts = rows.unique("prompt").select("prompt", "question", "context", "references")
    return [Instance(*values) for values in texts.iter_rows()]


def _counts(bad: pl.DataFrame) -> dict[str, int]:
    """Return the number of bad rows by reason, most first."""
    counts = bad.group_by("reason").len().sort("len", "reason", descending=[True, False])
    return dict(counts.iter_rows())


def _told(path: Path, bad: pl.DataFrame, rows: int) -> str:
    """Return what is wrong with a log: a few of its bad rows, and how many there are of which."""
    lines = [f"{path}: {len(bad)} of {rows} rows are bad; expected none, or on_bad_row: drop"]
    for number, says in bad.head(SHOWN).select("row", "says").iter_rows():
        lines.append(f"  row {number}: {' '.join(says.split())[:LONGEST]}")
    lines.append("  in all: " + ", ".join(f"{n} {reason}" for reason, n in _counts(bad).items()))
    return "\n".join(lines)
