"""A data set of the Hugging Face hub."""

from __future__ import annotations

import re
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from poq import hub
from poq.corpus.rows import Rows, RowSettings
from poq.errors import PoqError

if TYPE_CHECKING:
    from datasets import Dataset

PART = re.compile(r"(?P<stem>.+)-\d{5}-of-(?P<count>\d{5})")


class Settings(RowSettings):
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
    """Return why the data set cannot be downloaded, None if it can.

    Offline, why the cache on this machine does not have it.

    Raises:
        PoqError: the hub itself cannot be reached.
    """
    if Path(settings.dataset).is_dir():
        return None
    problem = hub.access_problem(settings.dataset, settings.revision, "dataset")
    # The environment that starts a run may lack `datasets`.
    if problem is None or not hub.offline() or find_spec("datasets") is None:
        return problem
    try:
        _cached(settings)
    except PoqError as error:
        return str(error)
    return None


def read(settings: Settings, task: str) -> Rows:
    """Download the rows, or find them in the hub's cache, and read them.

    Raises:
        PoqError: the hub cannot be reached, or has no such data set, revision or split; offline,
            its cache lacks a part of them.
    """
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError
    from httpx2 import HTTPError

    name, revision = settings.dataset, settings.revision
    where = f"data set {name}@{revision}[{settings.split}]"
    try:
        if not Path(name).is_dir() and hub.offline():
            folder = _cached(settings)
            revision, dataset = folder.name, _load_cached(settings, folder)
        else:
            if not Path(name).is_dir():
                revision = hub.resolve(name, revision, "dataset")
            dataset = load_dataset(name, settings.name, split=settings.split, revision=revision)
    except (PoqError, DatasetsError, HTTPError, OSError, ValueError) as error:
        raise PoqError(f"{where}: cannot be loaded: {error}") from error
    return Rows(dataset.to_list(), f"{name}@{revision}[{settings.split}]", where)


def _cached(settings: Settings) -> Path:
    """Return the folder on this machine, named by its commit, that holds the data set.

    Left to itself, ``datasets`` reads the newest revision that it has, whichever is asked for.

    Raises:
        PoqError: there is none of the commit.
    """
    from datasets import config
    from datasets.naming import camelcase_to_snakecase

    commit = hub.resolve(settings.dataset, settings.revision, "dataset")
    *owner, name = settings.dataset.split("/")
    root = Path(config.HF_DATASETS_CACHE) / "___".join([*owner, camelcase_to_snakecase(name)])
    prepared = [
        folder
        for folder in root.glob(f"*/*/{commit}")
        if settings.name in (None, folder.parts[-3]) and folder.is_dir()
    ]
    if len(prepared) == 1:
        return prepared[0]
    return hub.snapshot(settings.dataset, settings.revision, "dataset")


def _load_cached(settings: Settings, folder: Path) -> Dataset:
    """Return the split of a data set that ``datasets`` prepared once, or of files of the hub."""
    from datasets import load_dataset
    from datasets.packaged_modules.cache.cache import Cache

    if not (folder / "dataset_info.json").is_file():
        _check_parts(folder)
        return load_dataset(str(folder), settings.name, split=settings.split)
    builder = Cache(
        dataset_name=settings.dataset.rpartition("/")[2],
        repo_id=settings.dataset,
        config_name=folder.parts[-3],
        version=folder.parts[-2],
        hash=folder.name,
    )
    return builder.as_dataset(split=settings.split)


def _check_parts(folder: Path) -> None:
    """Check that of files in parts (``train-00000-of-00002.parquet``) none is missing."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    parts = Counter(
        (path.parent, found["stem"], int(found["count"]))
        for path in files
        if (found := PART.match(path.name))
    )
    for (parent, stem, count), there in parts.items():
        if there < count:
            name = (parent / stem).relative_to(folder)
            raise PoqError(
                f"found {there} of {count} parts of {name} in {folder}; expected all: fetch them "
                "with a connection"
            )
