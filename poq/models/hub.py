"""A model of the Hugging Face hub, at a pinned revision."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from poq.errors import PoqError
from poq.models.folder import PATTERNS
from poq.models.source import SourceSettings


class Settings(SourceSettings):
    """A hub repository."""

    kind: Literal["hub"]
    repository: str = Field(description="Repository, e.g. Qwen/Qwen2-1.5B-Instruct.")
    revision: str = Field(description="Commit hash, or a tag.")


def files(settings: Settings) -> list[Path]:
    """Return no files: the source is not on this machine."""
    return []


def collect(settings: Settings, folder: Path) -> None:
    """Download the repository's safe files into the folder; a cut download goes on.

    Raises:
        PoqError: the hub cannot be reached, or has no such repository or revision.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        snapshot_download(
            settings.repository,
            revision=settings.revision,
            local_dir=folder,
            allow_patterns=list(PATTERNS),
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise PoqError(
            f"model {settings.repository}@{settings.revision}: cannot be fetched: {error}"
        ) from error
