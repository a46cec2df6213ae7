"""A data set of the Hugging Face hub, at a pinned revision."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from poq.corpus.rows import Rows
from poq.errors import PoqError
from poq.settings import Settings as BaseSettings


class Settings(BaseSettings):
    """Rows of a hub data set."""

    kind: Literal["hub"]
    dataset: str = Field(
        description="Repository, e.g. rajpurkar/squad; or a local folder in the hub's layout."
    )
    name: str | None = Field(None, description="Configuration of the data set, e.g. 3.0.0.")
    revision: str = Field(description="Commit hash, or a tag.")
    split: str = Field(description="Split to draw from, e.g. validation.")


def files(settings: Settings, task: str) -> list[Path]:
    """Return the files of a local folder; none of the hub, whose own cache holds the data."""
    root = Path(settings.dataset)
    return sorted(path for path in root.rglob("*") if path.is_file()) if root.is_dir() else []


def read(settings: Settings, task: str) -> Rows:
    """Download (or find in the hub's cache) and read the rows.

    Raises:
        PoqError: the hub cannot be reached, or has no such data set, revision or split.
    """
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    where = f"{settings.dataset}@{settings.revision}[{settings.split}]"
    try:
        dataset = load_dataset(
            settings.dataset, settings.name, split=settings.split, revision=settings.revision
        )
    except (DatasetsError, OSError, ValueError) as error:
        raise PoqError(f"data set {where}: cannot be loaded: {error}") from error
    return Rows(dataset.to_list(), where, f"data set {where}")
