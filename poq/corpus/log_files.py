"""The columns of a log file, whatever its format: Parquet, JSON lines or CSV.

The same rows give the same columns in each format. Nothing in a file is evaluated: a cell of a CSV
file is a text, a formula included, and a number only where a number is expected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import polars as pl

from poq.corpus.local import read_csv, read_json_lines
from poq.errors import PoqError

SUFFIXES = (".parquet", ".jsonl", ".csv")
Holds = Literal["text", "texts", "number"]
TEXTS = pl.List(pl.String)


class Source(NamedTuple):
    """A column of a file and what it holds; "texts" is a text or a list of texts a row."""

    column: str
    holds: Holds


def read_columns(path: Path, sources: Mapping[str, Source]) -> pl.DataFrame:
    """Return chosen columns of a log, in its order, under names of ours.

    Args:
        path: a file with one of :data:`SUFFIXES`.
        sources: our name -> column.

    Returns:
        ``row``, counted from 1, and for each name a column: a text; a list of texts; or, of a
        number, its value as float, null where there is none or it is no number, with what was
        found there as a text (``<name> found``), null where there is nothing.

    Raises:
        PoqError: the file is missing or malformed, or a column is missing or holds something else.
    """
    if not path.is_file():
        raise PoqError(f"{path}: no such file")
    columns = list(dict.fromkeys(source.column for source in sources.values()))
    found = {".parquet": _parquet, ".jsonl": _json_lines, ".csv": _csv}[path.suffix](path, columns)
    made: list[pl.Series] = []
    for name, (column, holds) in sources.items():
        try:
            made += _READERS[holds](found[column], name)
        except _NotThat as problem:
            raise PoqError(f"{path}: column {column!r} {problem}") from None
    return pl.DataFrame(made).with_row_index("row", offset=1)


class _NotThat(Exception):  # noqa: N818
    """A column holds something else; the message says what, and what was expected."""


Values = pl.Series | list[Any]


def _texts(values: Values, name: str) -> Iterator[pl.Series]:
    """Yield a column of texts; whole numbers, as of identifiers, become texts."""
    if isinstance(values, pl.Series):
        if not (values.dtype.is_integer() or values.dtype in (pl.String, pl.Null)):
            raise _NotThat(f"holds {values.dtype}; expected texts")
        yield values.cast(pl.String).alias(name)
        return
    for number, value in enumerate(values, start=1):
        if isinstance(value, bool) or not isinstance(value, str | int | None):
            raise _NotThat(f"holds a {type(value).__name__} in row {number}; expected text")
    yield pl.Series(name, [None if v is None else str(v) for v in values], pl.String)


def _lists(values: Values, name: str) -> Iterator[pl.Series]:
    """Yield a column of lists of texts; a text becomes a list of one, nothing an empty list."""
    if isinstance(values, pl.Series) and values.dtype not in (pl.String, pl.Null, TEXTS):
        raise _NotThat(f"holds {values.dtype}; expected texts or lists of texts")
    lists = []
    for number, value in enumerate(values, start=1):
        given = [] if value is None else [value] if isinstance(value, str) else value
        listed = isinstance(given, list | pl.Series)
        if not listed or not all(isinstance(text, str) for text in given):
            raise _NotThat(f"holds something else in row {number}; expected a text or texts")
        lists.append(list(given))
    yield pl.Series(name, lists, TEXTS)


def _numbers(values: Values, name: str) -> Iterator[pl.Series]:
    """Yield a column of numbers, and what was found there."""
    if isinstance(values, pl.Series) and not (
        values.dtype.is_numeric() or values.dtype in (pl.String, pl.Null)
    ):
        raise _NotThat(f"holds {values.dtype}; expected numbers")
    if not isinstance(values, pl.Series):
        for number, value in enumerate(values, start=1):
            if isinstance(value, bool) or not isinstance(value, str | int | float | None):
                raise _NotThat(f"holds a {type(value).__name__} in row {number}; expected a number")
        values = pl.Series([None if v is None else str(v) for v in values], dtype=pl.String)
    found = values.cast(pl.String).str.strip_chars()
    found = found.set(found == "", None)
    number_type = values if values.dtype.is_numeric() else found
    yield number_type.cast(pl.Float64, strict=False).alias(name)
    yield found.alias(f"{name} found")


_READERS: dict[Holds, Callable[[Values, str], Iterator[pl.Series]]] = {
    "text": _texts,
    "texts": _lists,
    "number": _numbers,
}


def _parquet(path: Path, columns: list[str]) -> Mapping[str, Values]:
    try:
        _check(path, columns, pl.read_parquet_schema(path))
        return pl.read_parquet(path, columns=columns).to_dict()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise PoqError(f"{path}: cannot be read as Parquet: {error}") from error


def _csv(path: Path, columns: list[str]) -> Mapping[str, Values]:
    _check(path, columns, read_csv(path, rows=0).columns)
    return read_csv(path).select(columns).to_dict()


def _json_lines(path: Path, columns: list[str]) -> Mapping[str, Values]:
    rows = read_json_lines(path)
    _check(path, columns, dict.fromkeys(key for row in rows for key in row))
    return {column: [row.get(column) for row in rows] for column in columns}


def _check(path: Path, columns: list[str], known: Mapping[str, Any] | list[str]) -> None:
    if missing := [column for column in columns if column not in known]:
        raise PoqError(f"{path}: columns {missing} are missing; found {', '.join(known) or 'none'}")
