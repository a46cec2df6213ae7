"""A file in the hub's column layout: JSON lines or Parquet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import Field, field_validator

from poq.corpus.rows import Rows
from poq.errors import PoqError
from poq.provenance import file_sha256
from poq.settings import Settings as BaseSettings
from poq.visible import storable


class Settings(BaseSettings):
    """Rows of a local file."""

    kind: Literal["local"]
    path: str = Field(description="File, .jsonl or .parquet, relative to the working directory.")

    @field_validator("path")
    @classmethod
    def _suffix(cls, path: str) -> str:
        if Path(path).suffix not in (".jsonl", ".parquet"):
            raise ValueError("expected a file ending in .jsonl or .parquet")
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
    """Read a JSON-lines or Parquet file; its origin is its name and the digest of its bytes."""
    if not path.is_file():
        raise PoqError(f"{path}: no such file")
    rows = _parquet(path) if path.suffix == ".parquet" else read_json_lines(path)
    return Rows(rows, f"{path.name}@sha256:{file_sha256(path)[:16]}", str(path))


def _parquet(path: Path) -> list[dict[str, Any]]:
    try:
        return pl.read_parquet(path).to_dicts()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise PoqError(f"{path}: cannot be read as Parquet: {error}") from error


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
