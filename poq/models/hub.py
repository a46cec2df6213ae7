"""A model of the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from poq import hub
from poq.errors import PoqError
from poq.models.safe import PATTERNS, pickles
from poq.models.source import FolderSettings


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
    """Return why the repository cannot be downloaded, None if it can."""
    return hub.access_problem(settings.repository, settings.revision, "model")


def left_out(settings: Settings) -> list[str]:
    """Return the repository's pickles, which are never taken; none if it cannot be asked."""
    from httpx2 import HTTPError
    from huggingface_hub import HfApi

    try:
        names = HfApi().list_repo_files(settings.repository, revision=settings.revision)
    except (HTTPError, OSError):
        return []
    return pickles(names)


def collect(settings: Settings, folder: Path) -> str:
    """Download the repository's safe files into the folder; a cut download goes on.

    Returns:
        The repository and the commit that the files are of.

    Raises:
        PoqError: the hub cannot be reached, or has no such repository or revision.
    """
    from httpx2 import HTTPError
    from huggingface_hub import snapshot_download

    try:
        commit = hub.resolve(settings.repository, settings.revision, "model")
        snapshot_download(
            settings.repository,
            revision=commit,
            local_dir=folder,
            allow_patterns=list(PATTERNS),
        )
    except (HTTPError, OSError, ValueError) as error:
        raise PoqError(
            f"model {settings.repository}@{settings.revision}: cannot be fetched: {error}"
        ) from error
    return f"{settings.repository}@{commit}"
