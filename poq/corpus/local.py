"""A file of rows: Parquet, JSON or JSON lines, CSV or TSV.

Nothing in a file is evaluated: a cell of a CSV file is a text, a formula included. CSV has no
nested columns, so that ``columns`` names its plain ones; an empty cell is an empty text.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import Field, field_validator

from poq.corpus.rows import Rows, RowSettings
from poq.errors import PoqError
from poq.provenance import file_sha256
from poq.visible import storable


class Settings(RowSettings):
    """Rows of a local file."""

    kind: Literal["local"]
    path: str = Field(
        description="File, .parquet, .jsonl, .json (a list of objects), .csv or .tsv, relative to "
        "the working directory."
    )

    @field_validator("path")
    @classmethod
    def _suffix(cls, path: str) -> str:
        if Path(path).suffix not in READERS:
            raise ValueError(f"expected a file ending in {', '.join(READERS)}")
        return path


def files(settings: Settings, task: str) -> list[Path]:
    """Return the files that the rows come from."""
    return [Path(settings.path)]


def read(settings: Settings, task: str) -> Rows:
    """Read the rows.

    Raises:
        PoqError: the file is missing or malformed; the message names the line.
    """
    return read_file(Path(settings.path))


def read_file(path: Path) -> Rows:
    """Read a file; its origin is its name and the digest of its bytes."""
    if not path.is_file():
        raise PoqError(f"{path}: no such file")
    rows = READERS[path.suffix](path)
    return Rows(rows, f"{path.name}@sha256:{file_sha256(path)[:16]}", str(path))


def _parquet(path: Path) -> list[dict[str, Any]]:
    try:
        return pl.read_parquet(path).to_dicts()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise PoqError(f"{path}: cannot be read as Parquet: {error}") from error


def _json(path: Path) -> list[dict[str, Any]]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        rows = json.loads(storable(json.dumps(rows, ensure_ascii=False)))
    except (ValueError, RecursionError) as error:
        raise PoqError(f"{path}: is not JSON: {error}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PoqError(f"{path}: is no list of JSON objects")
    return rows


def read_csv(path: Path, rows: int | None = None) -> pl.DataFrame:
    """Return the first or all rows of a CSV or TSV file; every cell is a text.

    Raises:
        PoqError: the file is malformed.
    """
    # An empty cell is an empty text: CSV does not distinguish it from a missing one.
    try:
        return pl.read_csv(
            path,
            separator="\t" if path.suffix == ".tsv" else ",",
            n_rows=rows,
            infer_schema=False,
            empty_string_is_null=False,
        )
    except pl.exceptions.PolarsError as error:
        raise PoqError(f"{path}: cannot be read as CSV in UTF-8: {error}") from error


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a JSON-lines file; blank lines are skipped.

    A lone surrogate, which no other format can hold, becomes U+FFFD.
    """
    rows = []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise PoqError(f"{path}: is not UTF-8: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if "\\ud" in line.lower():  # an escape that may be a lone surrogate
                row = json.loads(storable(json.dumps(row, ensure_ascii=False)))
        # A number may have more digits than Python reads, brackets more depth.
        except (ValueError, RecursionError) as error:
            raise PoqError(f"{path}, line {number}: is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise PoqError(f"{path}, line {number}: is no JSON object")
        rows.append(row)
    return rows


READERS: dict[str, Callable[[Path], list[dict[str, Any]]]] = {
    ".parquet": _parquet,
    ".jsonl": read_json_lines,
    ".json": _json,
    ".csv": lambda path: read_csv(path).to_dicts(),
    ".tsv": lambda path: read_csv(path).to_dicts(),
}
"""How a file is read, by its ending."""
