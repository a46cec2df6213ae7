"""A model's folder: how it is built, and how it is checked before use."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from poq.errors import PoqError
from poq.files import read_json
from poq.provenance import digest, file_sha256

MANIFEST = "poq-model.json"


def manifest_path(cache: str | Path, name: str, source: Mapping[str, Any]) -> Path:
    """Return the manifest of a fetched model; the path changes with the settings of its source."""
    return Path(cache) / f"{name}-{digest(dict(source))}" / MANIFEST


@contextmanager
def locked(manifest: str | Path) -> Iterator[None]:
    """Build a model's folder alone; a second job waits, be it of another run or of a killed one."""
    final = Path(manifest).parent
    final.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(final.with_name(f"{final.name}.lock")):
        yield


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
    """Return the folder of a manifest after checking that all its files are as they were made.

    Raises:
        PoqError: the manifest is damaged, or a file is missing or has another checksum.
    """
    path = Path(manifest)
    for problem in problems(path):
        raise PoqError(f"{problem}. Delete {path.parent} and run again to make the model anew")
    return path.parent


def problems(manifest: Path) -> Iterator[str]:
    """Yield what is wrong with a model's folder, one line a file: found, and expected."""
    try:
        files = {
            str(name): (int(facts["bytes"]), str(facts["sha256"]))
            for name, facts in read_json(manifest)["files"].items()
        }
    except PoqError as error:
        yield str(error)
        return
    except (AttributeError, LookupError, TypeError, ValueError):
        yield f"{manifest}: lists no files; expected their sizes and checksums"
        return
    for name, (size, sha256) in files.items():
        file = manifest.parent / name
        found = file.stat().st_size if file.is_file() else None
        if found is None:
            yield f"{file}: found no file; expected {size} bytes"
        elif found != size:
            yield f"{file}: found {found} bytes; expected {size} bytes"
        elif (digits := file_sha256(file)) != sha256:
            yield f"{file}: sha256 is {digits}; expected {sha256}"


def check_sha256(path: Path, expected: str) -> None:
    """Verify a file.

    Raises:
        PoqError: the file's SHA-256 is another.
    """
    found = file_sha256(path)
    if found != expected:
        raise PoqError(f"{path.name}: sha256 is {found}; expected {expected}")
