"""The project's own corpus in ``resources/corpus``, CC0."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from poq.corpus.local import read_file
from poq.corpus.rows import Rows
from poq.provenance import ROOT
from poq.settings import Settings as BaseSettings

FILES = {"qa": "qa.jsonl", "summarization": "news.jsonl"}


class Settings(BaseSettings):
    """Rows of the corpus that comes with the project."""

    kind: Literal["packaged"]


def files(settings: Settings, task: str) -> list[Path]:
    """Return the files that the rows come from."""
    return [ROOT / "resources" / "corpus" / FILES[task]]


def read(settings: Settings, task: str) -> Rows:
    """Read the rows of a task."""
    return read_file(*files(settings, task))
