"""A folder on this machine, in the hub's layout."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

from pydantic import Field

from poq.errors import PoqError
from poq.models.safe import PATTERNS, pickles
from poq.models.source import FolderSettings


class Settings(FolderSettings):
    """A local folder."""

    kind: Literal["local"]
    path: str = Field(description="Folder, relative to the working directory.")


def files(settings: Settings) -> list[Path]:
    """Return the files whose change makes the model another; the folder if it is missing."""
    root = Path(settings.path)
    if not root.is_dir():
        return [root]
    return sorted({path for pattern in PATTERNS for path in root.rglob(pattern)})


def left_out(settings: Settings) -> list[str]:
    """Return the folder's pickles, which are never taken."""
    root = Path(settings.path)
    return pickles(str(path.relative_to(root)) for path in root.rglob("*"))


def collect(settings: Settings, folder: Path) -> str:
    """Copy the folder's safe files and return the folder's path.

    Raises:
        PoqError: the folder is missing.
    """
    source = Path(settings.path)
    if not source.is_dir():
        raise PoqError(f"model folder {source}: no such folder")
    for path in files(settings):
        target = folder / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return settings.path
