"""A data set of the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from poq import hub
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
    revision: str = hub.Revision
    split: str = Field(description="Split to draw from, e.g. validation.")

    @property
    def pinned(self) -> bool:
        """Whether the data cannot move: at a commit, or in a local folder."""
        return hub.is_pinned(self.revision) or Path(self.dataset).is_dir()


def files(settings: Settings, task: str) -> list[Path]:
    """Return the files of a local folder; none of the hub, whose own cache holds the data."""
    root = Path(settings.dataset)
    return sorted(path for path in root.rglob("*") if path.is_file()) if root.is_dir() else []


def access_problem(settings: Settings) -> str | None:
    """Return why the data set cannot be downloaded, None if it can."""
    if Path(settings.dataset).is_dir():
        return None
    return hub.access_problem(settings.dataset, settings.revision, "dataset")


def read(settings: Settings, task: str) -> Rows:
    """Download (or find in the hub's cache) and read the rows.

    Raises:
        PoqError: the hub cannot be reached, or has no such data set, revision or split.
    """
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError
    from httpx2 import HTTPError

    revision = settings.revision
    where = f"data set {settings.dataset}@{revision}[{settings.split}]"
    try:
        if not Path(settings.dataset).is_dir():
            revision = hub.resolve(settings.dataset, revision, "dataset")
        dataset = load_dataset(
            settings.dataset, settings.name, split=settings.split, revision=revision
        )
    except (DatasetsError, HTTPError, OSError, ValueError) as error:
        raise PoqError(f"{where}: cannot be loaded: {error}") from error
    return Rows(dataset.to_list(), f"{settings.dataset}@{revision}[{settings.split}]", where)
