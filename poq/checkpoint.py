"""Finished pieces of long work, kept so that a killed job goes on from them."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from poq.files import write_text
from poq.provenance import digest

log = logging.getLogger(__name__)


def clear(folder: str | Path) -> None:
    """Delete all pieces of a folder, whatever their identity: what they make is finished."""
    shutil.rmtree(folder, ignore_errors=True)


class Checkpoint:
    """JSON values by key, in a folder that belongs to one state of code and configuration.

    Each piece carries a checksum, so that one that was damaged is made again, never taken over.

    Args:
        folder: where pieces are kept; one subfolder for each identity.
        identity: everything that the pieces depend on beside their key. Pieces of another
            identity are never read.
    """

    def __init__(self, folder: str | Path, identity: Mapping[str, Any]) -> None:
        self.folder = Path(folder) / digest(["checksum", dict(identity)])

    def get(self, key: Any) -> Any | None:
        """Return the value stored under a JSON key; None if there is none or it is damaged."""
        path = self._path(key)
        try:
            piece = json.loads(path.read_text(encoding="utf-8"))
            if piece["sha256"] == _sha256(piece["value"]):
                return piece["value"]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError):
            pass
        log.warning("%s: is damaged; what it held is made again", path)
        return None

    def put(self, key: Any, value: Any) -> None:
        """Store a JSON value; it is there whole or not at all, whenever the process dies."""
        try:
            self._write(key, value)
        except FileNotFoundError:
            # A job that outlived its killed Snakemake has finished, and cleared the folder.
            self._write(key, value)

    def _write(self, key: Any, value: Any) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(self._path(key), json.dumps({"sha256": _sha256(value), "value": value}))

    def _path(self, key: Any) -> Path:
        return self.folder / f"{digest(key)}.json"


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
