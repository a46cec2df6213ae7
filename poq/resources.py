"""Where a file that a configuration names lies."""

from __future__ import annotations

from pathlib import Path

from poq.provenance import ROOT


def resource(path: str | Path) -> Path:
    """Return a template, example or rubric: of the working directory, else the project's."""
    return Path(path) if Path(path).exists() else ROOT / path
