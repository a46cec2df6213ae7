"""Finished pieces of long work, kept so that a killed job goes on from them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from poq.provenance import digest


def clear(folder: str | Path) -> None:
    """Delete all pieces of a folder, whatever their identity: what they make is finished."""
    shutil.rmtree(folder, ignore_errors=True)


class Checkpoint:
    """JSON values by key, in a folder that belongs to one state of code and configuration.

    Args:
        folder: where pieces are kept; one subfolder for each identity.
        identity: everything that the pieces depend on beside their key. Pieces of another
            identity are never read.
    """

    def __init__(self, folder: str | Path, identity: Mapping[str, Any]) -> None:
        self.folder = Path(folder) / digest(dict(identity))

    def get(self, key: Any) -> Any | None:
        """Return the value stored under a JSON key; None if there is none or it is damaged."""
        try:
            return json.loads(self._path(key).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def put(self, key: Any, value: Any) -> None:
        """Store a JSON value; it is there whole or not at all, whenever the process dies."""
        path = self._path(key)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        try:
            self._write(partial, path, value)
        except FileNotFoundError:
            # A job that outlived its killed Snakemake has finished, and cleared the folder.
            self._write(partial, path, value)

    def _write(self, partial: Path, path: Path, value: Any) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(value), encoding="utf-8")
        partial.replace(path)

    def _path(self, key: Any) -> Path:
        return self.folder / f"{digest(key)}.json"
