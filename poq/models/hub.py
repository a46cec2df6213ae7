"""A model of the Hugging Face hub."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Literal

from pydantic import Field

from poq import hub
from poq.errors import PoqError
from poq.models.selection import chosen, place
from poq.models.source import FolderSettings
from poq.provenance import file_sha256


class Settings(FolderSettings):
    """A hub repository."""

    kind: Literal["hub"]
    repository: str = Field(description="Repository, e.g. Qwen/Qwen2-1.5B-Instruct.")
    revision: str = hub.Revision

    @property
    def pinned(self) -> bool:
        """Whether the files cannot move."""
        return hub.is_pinned(self.revision)


def files(settings: Settings) -> list[Path]:
    """Return no files: the source is not on this machine."""
    return []


def access_problem(settings: Settings) -> str | None:
    """Return why the model's files cannot be downloaded, None if they can.

    Offline, why the hub's cache on this machine does not have all of them.

    Raises:
        PoqError: the hub itself cannot be reached.
    """
    from httpx2 import HTTPError

    problem = hub.access_problem(settings.repository, settings.revision, "model")
    if problem:
        return problem
    try:
        commit, names = _chosen(settings)
        if hub.offline():
            hub.snapshot(settings.repository, commit, "model", names)
    except PoqError as error:
        return str(error)
    except (HTTPError, OSError) as error:
        raise hub.unreachable(settings.repository, error) from error
    return None


def collect(settings: Settings, folder: Path) -> str:
    """Put the repository's chosen files into the folder, by way of the hub's cache.

    Weights are linked where the cache is on the same disk, and else copied.

    Returns:
        The repository and the commit that the files are of.

    Raises:
        PoqError: the hub cannot be reached, or has no such repository or revision; offline, its
            cache lacks a file; the files leave open which weights are meant; a file of the cache is
            damaged.
    """
    from httpx2 import HTTPError

    try:
        commit, names = _chosen(settings)
        source = hub.snapshot(settings.repository, commit, "model", names)
    except (PoqError, HTTPError, OSError, ValueError) as error:
        raise PoqError(
            f"model {settings.repository}@{settings.revision}: cannot be fetched: {error}"
        ) from error
    for name in names:
        _take(source / name, folder / place(name))
    return f"{settings.repository}@{commit}"


def _chosen(settings: Settings) -> tuple[str, list[str]]:
    """Return the commit and the names of its files that are taken."""
    commit = hub.resolve(settings.repository, settings.revision, "model")
    sizes = hub.listing(settings.repository, commit, "model")
    return commit, chosen(sizes, settings.files, keep_gguf=settings.keep_gguf)


def _take(source: Path, target: Path) -> None:
    """Link or copy a file of the hub's cache; a large one must have the checksum it is named by."""
    target.parent.mkdir(parents=True, exist_ok=True)
    blob = source.resolve()
    # Large files are named by their SHA-256. A link shares what befalls either name of the file,
    # so that a damaged one must not be taken again.
    if re.fullmatch("[0-9a-f]{64}", blob.name) is None:
        shutil.copyfile(blob, target)
        return
    if (found := file_sha256(blob)) != blob.name:
        raise PoqError(
            f"{blob}: sha256 is {found}; expected {blob.name}, by which it is named. Delete it and "
            "run again to download it anew"
        )
    try:
        os.link(blob, target)
    except OSError:
        shutil.copyfile(blob, target)
