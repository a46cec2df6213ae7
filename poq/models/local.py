"""A folder on this machine, in the hub's layout."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

from pydantic import Field

from poq.errors import PoqError
from poq.models.safe import safe
from poq.models.selection import chosen, place
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
    try:
        return [root / name for name in _chosen(settings)]
    except PoqError:
        # Reported once by access_problem, before the first job.
        return sorted(root / name for name in _sizes(root) if safe(name))


def access_problem(settings: Settings) -> str | None:
    """Return why the folder is no model, None if it is one."""
    try:
        _chosen(settings)
    except PoqError as error:
        return str(error)
    return None


def collect(settings: Settings, folder: Path) -> str:
    """Copy the folder's chosen files and return the folder's path.

    Raises:
        PoqError: the folder is missing, or its files leave open which weights are meant.
    """
    for name in _chosen(settings):
        target = folder / place(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(settings.path) / name, target)
    return settings.path


def _chosen(settings: Settings) -> list[str]:
    """Return the names of the files that are taken."""
    root = Path(settings.path)
    if not root.is_dir():
        raise PoqError(f"model folder {root}: no such folder")
    try:
        return chosen(_sizes(root), settings.files, keep_gguf=settings.keep_gguf)
    except PoqError as error:
        raise PoqError(f"model folder {root}: {error}") from None


def _sizes(root: Path) -> dict[str, int]:
    """Return the files of a folder, but hidden ones: `hf download` keeps notes among them."""
    paths = {path.relative_to(root): path for path in root.rglob("*") if path.is_file()}
    return {
        name.as_posix(): path.stat().st_size
        for name, path in paths.items()
        if not any(part.startswith(".") for part in name.parts)
    }
