"""A model's folder: how it is built, and how it is checked before use."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from poq.errors import PoqError
from poq.provenance import file_sha256

MANIFEST = "poq-model.json"


def building_folder(manifest: str | Path, *, anew: bool = True) -> Path:
    """Return the folder beside its final place where a model is built; empty if ``anew``."""
    final = Path(manifest).parent
    building = final.with_name(f"{final.name}.partial")
    if anew:
        shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True, exist_ok=True)
    return building


def complete_folder(manifest: str | Path, facts: Mapping[str, Any]) -> None:
    """Write the manifest of a folder that was built, and move the folder to its final place.

    Args:
        manifest: path of the manifest; its folder is replaced.
        facts: JSON values that the manifest keeps: where the model came from.
    """
    building, final = building_folder(manifest, anew=False), Path(manifest).parent
    content = {
        str(path.relative_to(building)): {"sha256": file_sha256(path), "bytes": path.stat().st_size}
        for path in sorted(building.rglob("*"))
        if path.is_file() and not path.relative_to(building).parts[0].startswith(".")
    }
    text = json.dumps({**facts, "files": content}, indent=2, sort_keys=True)
    (building / Path(manifest).name).write_text(text + "\n", encoding="utf-8")
    shutil.rmtree(final, ignore_errors=True)
    building.rename(final)


def model_folder(manifest: str | Path) -> Path:
    """Return the folder of a manifest after checking that all its files are there, in full size.

    Raises:
        PoqError: a file is missing or has another size than when it was fetched.
    """
    path = Path(manifest)
    for name, facts in json.loads(path.read_text(encoding="utf-8"))["files"].items():
        file = path.parent / name
        size = file.stat().st_size if file.is_file() else None
        if size != facts["bytes"]:
            raise PoqError(
                f"{file}: found {'no file' if size is None else f'{size} bytes'}; expected "
                f"{facts['bytes']} bytes. Delete {path.parent} to fetch the model again"
            )
    return path.parent


def check_sha256(path: Path, expected: str) -> None:
    """Verify a file.

    Raises:
        PoqError: the file's SHA-256 is another.
    """
    found = file_sha256(path)
    if found != expected:
        raise PoqError(f"{path.name}: sha256 is {found}; expected {expected}")
