"""What a run needs, checked before its first job: models, data sets, keys, folders to write to."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from poq import kinds
from poq.errors import PoqError
from poq.visible import visible


def problems(entries: Mapping[str, tuple[str, Any]]) -> list[str]:
    """Return one line for each entry that is out of reach: key, what was found, what was expected.

    Args:
        entries: key in the configuration -> package of kinds and the settings of one. Only kinds
            that have ``access_problem(settings)`` can be out of reach.
    """
    lines: list[str] = []
    for key, (package, settings) in entries.items():
        kind = kinds.load(package, settings.kind)
        try:
            problem = kind.access_problem(settings) if hasattr(kind, "access_problem") else None
        except PoqError as error:
            # The others would only wait for the same.
            return [*lines, visible(f"{key}: {error}", "\n")]
        if problem:
            lines.append(visible(f"{key}: {problem}", "\n"))
    return lines


def unwritable(folders: Iterable[str | Path]) -> list[str]:
    """Return one line for each folder that cannot be written to, or made."""
    lines = []
    for folder in map(Path, folders):
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        try:
            with tempfile.TemporaryFile(dir=there):
                pass
        except OSError as error:
            lines.append(f"{there}: cannot be written to: {error.strerror}")
    return lines
