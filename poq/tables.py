"""The table contracts, and the only way that tables are read and written.

A table is long: one row an observation, keys first, snake_case, no index. Its contract
(:class:`poq.schema.Table`) is enforced on write and on read. Files carry their provenance in the
Parquet metadata and a checksum for every page; they appear under their name only when complete.
A file that is damaged is named when it is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from poq.errors import PoqError
from poq.files import complete
from poq.provenance import digest
from poq.schema import TABLES, Column, Table

METADATA_KEY = b"poq"
UNREADABLE = (OSError, ValueError, pa.ArrowException, pl.exceptions.PolarsError)
"""What reading a damaged file may raise; text that is no UTF-8 is a ValueError."""
REMEDY = "Delete it and run again"


def write(frame: pl.DataFrame, table: str, path: str | Path, provenance: Mapping[str, str]) -> None:
    """Check a frame against its contract and write it, sorted by key, atomically.

    Columns are put in the contract's order and cast to its types; the same frame and provenance
    give the same bytes.

    Args:
        frame: the rows.
        table: name of the contract, a key of ``poq.schema.TABLES``.
        path: the Parquet file; its folder must exist.
        provenance: see :func:`poq.provenance.stamp`.

    Raises:
        PoqError: the frame breaks the contract, or the file cannot be written.
    """
    contract = TABLES[table]
    checked = _checked(frame, contract, str(path)).sort(contract.key)
    values = {"table": table, **provenance}
    metadata = {METADATA_KEY: json.dumps([values, digest(values)], sort_keys=True).encode()}
    arrow = checked.to_arrow(compat_level=pl.CompatLevel.oldest())
    with complete(path) as partial:
        pq.write_table(
            arrow.replace_schema_metadata(metadata),
            partial,
            compression="zstd",
            write_page_checksum=True,
        )


def read(table: str, *paths: str | Path) -> pl.DataFrame:
    """Read one or several files of one table and check them against its contract.

    Returns:
        The rows of all files, in the order given, in the contract's columns; no row of no file.

    Raises:
        PoqError: a file is missing, damaged, of another table, or breaks the contract; a key
            occurs in more than one file.
    """
    contract = TABLES[table]
    frames = [_checked(_read_one(table, Path(path)), contract, str(path)) for path in paths]
    if not frames:
        return contract.frame()
    frame = pl.concat(frames)
    return _checked(frame, contract, ", ".join(map(str, paths))) if len(frames) > 1 else frame


def with_prompts(rows: pl.DataFrame, prompts: pl.DataFrame) -> pl.DataFrame:
    """Return rows keyed by ``prompt_id`` joined with their prompts, in the order of the rows.

    Raises:
        PoqError: a row's prompt is not in the prompts table.
    """
    unknown = rows.join(prompts, on="prompt_id", how="anti")["prompt_id"].unique().sort()
    if len(unknown):
        raise PoqError(f"prompts: {unknown.head(3).to_list()} of {len(unknown)} are missing")
    return rows.join(prompts, on="prompt_id", validate="m:1", maintain_order="left")


def evaluated(outputs: pl.DataFrame, prompts: pl.DataFrame) -> pl.DataFrame:
    """Return the outputs that are scored, joined with their prompts, in the order of the rows.

    Those of the training split are not: an evaluator may have learned from them.

    Raises:
        PoqError: an output's prompt is not in the prompts table.
    """
    return with_prompts(outputs, prompts).filter(pl.col("split") != "training")


def provenance(path: str | Path) -> dict[str, Any]:
    """Return the provenance that a table file carries, with the name of its table.

    Raises:
        PoqError: the file is no readable Parquet file, or was not written by :func:`write`.
    """
    try:
        metadata = pq.read_schema(path).metadata or {}
    except FileNotFoundError as error:
        raise PoqError(f"{path}: cannot be read as Parquet: {error.strerror}") from error
    except UNREADABLE as error:
        raise PoqError(f"{path}: cannot be read as Parquet: {_reason(error)}") from error
    if METADATA_KEY not in metadata:
        raise PoqError(f"{path}: carries no provenance; expected a table written by poq")
    values: dict[str, Any]
    try:
        # Pages have checksums, the rest of a Parquet file has none.
        values, expected = json.loads(metadata[METADATA_KEY])
        whole = digest(values) == expected
    except (TypeError, ValueError):
        whole = False
    if not whole:
        raise PoqError(f"{path}: is damaged: its provenance is not as it was written. {REMEDY}")
    return values


def _read_one(table: str, path: Path) -> pl.DataFrame:
    found = provenance(path)["table"]
    if found != table:
        raise PoqError(f"{path}: holds table {found!r}; expected {table!r}")
    try:
        arrow = pq.read_table(path, page_checksum_verification=True)
        return pl.DataFrame(pl.from_arrow(arrow.replace_schema_metadata(None)))
    except UNREADABLE as error:
        raise PoqError(f"{path}: is damaged: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return f"{str(error).rstrip('.')}. {REMEDY}"


def _checked(frame: pl.DataFrame, contract: Table, where: str) -> pl.DataFrame:
    problems = list(_problems(frame, contract))
    if problems:
        raise PoqError(f"{where} (table {contract.name}): " + "; ".join(problems))
    return frame.select(pl.col(c.name).cast(c.dtype) for c in contract.columns_of(frame))


def _problems(frame: pl.DataFrame, contract: Table) -> Iterator[str]:
    columns = contract.columns_of(frame)
    names = [column.name for column in columns]
    if missing := [name for name in names if name not in frame.columns]:
        yield f"columns {missing} are missing"
    if extra := [name for name in frame.columns if name not in names]:
        yield f"columns {extra} are not in the contract"
    if missing:
        return
    for column in columns:
        yield from _column_problems(frame[column.name], column)
    duplicated = frame.filter(frame.select(contract.key).is_duplicated()).select(contract.key)
    if len(duplicated):
        yield f"key {contract.key} is not unique, e.g. {duplicated.row(0)}"


def _column_problems(values: pl.Series, column: Column) -> Iterator[str]:
    if values.dtype != column.dtype and not _castable(values.dtype, column.dtype):
        yield f"column {column.name!r} has type {values.dtype}; expected {column.dtype}"
        return
    if isinstance(values.dtype, pl.Null):
        values = values.cast(column.dtype)  # nulls of no type cannot be compared with bounds
    if not column.nullable and values.has_nulls():
        yield f"column {column.name!r} is null in row {_first(values.is_null())}; expected a value"
    if values.dtype.is_float() and values.is_nan().any():
        yield f"column {column.name!r} is NaN in row {_first(values.is_nan())}; use null"
    if values.dtype.is_float() and values.is_infinite().any():
        yield f"column {column.name!r} is infinite in row {_first(values.is_infinite())}"
    if (
        isinstance(values.dtype, pl.List)
        and (nulls := values.list.eval(pl.element().is_null()).list.any()).any()
    ):
        yield f"column {column.name!r} holds a null in row {_first(nulls)}"
    for bound, outside in ((column.low, values.__lt__), (column.high, values.__gt__)):
        if bound is not None and (bad := outside(bound)).any():
            row = _first(bad)
            yield (
                f"column {column.name!r} is {values[row]} in row {row}; "
                f"expected {column.range_text()}"
            )
    if column.values is not None:
        unknown = ~values.is_in(column.values) & values.is_not_null()
        if unknown.any():
            row = _first(unknown)
            yield f"column {column.name!r} is {values[row]!r} in row {row}; expected one of " + (
                ", ".join(column.values)
            )


def _first(mask: pl.Series) -> int:
    return int(mask.fill_null(False).arg_true()[0])


def _castable(found: pl.DataType, expected: pl.DataType) -> bool:
    """Allow widening only: integers and floats to their contract's width, all-null columns."""
    if isinstance(found, pl.Null):
        return True
    if isinstance(found, pl.List) and isinstance(expected, pl.List):
        return isinstance(found.inner, pl.Null) or found.inner == expected.inner
    if found == pl.UInt64:
        return False  # may not fit
    return (found.is_integer() and expected.is_numeric()) or (
        found.is_float() and expected.is_float()
    )


def cut(*texts: str) -> pl.Expr:
    """Return whether an evaluator read any of the texts in part, for rows of table ``scores``.

    Null for an evaluator without a tokenizer, and for an output that it was not shown.

    Args:
        texts: "target", "output" or both.
    """
    return pl.any_horizontal(
        pl.col(f"{text}_tokens_read") < pl.col(f"{text}_tokens") for text in texts
    )
