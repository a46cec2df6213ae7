"""Turns any source into one local folder in the hub's layout, with weights and a manifest.

Only configuration, tokenizer and safetensors (or GGUF, which is dequantised once unless it is to
be kept) are taken: formats that can run code when they are loaded (pickle, Python files) never
enter the folder.
"""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from poq import kinds
from poq.errors import PoqError
from poq.provenance import file_sha256

MANIFEST = "poq-model.json"
PATTERNS = ("*.safetensors", "*.gguf", "*.json", "*.txt", "*.model", "*.jinja")
log = logging.getLogger(__name__)


def fetch_model(source: Mapping[str, Any], manifest: str | Path) -> None:
    """Collect a model's files into the folder of ``manifest`` and write the manifest last.

    The folder is built beside its final place and moved there when it is complete and verified,
    so that a folder with a manifest is always whole.

    Args:
        source: settings of the source, with its ``kind``.
        manifest: path of the manifest; its folder is replaced.

    Raises:
        PoqError: a file is missing or its checksum is wrong, or there are no safe weights.
    """
    final = Path(manifest).parent
    final.parent.mkdir(parents=True, exist_ok=True)
    # Runs in other folders may share the cache; the second of two waits and fetches again.
    with FileLock(final.with_name(f"{final.name}.lock")):
        _fetch(source, manifest)


def _fetch(source: Mapping[str, Any], manifest: str | Path) -> None:
    settings = kinds.settings("poq.models", source)
    # A download from the hub goes on where it was cut.
    building = building_folder(manifest, anew=settings.kind != "hub")
    origin = kinds.load("poq.models", settings.kind).collect(settings, building)
    weights = sorted(building.rglob("*.safetensors"))
    quantized = sorted(building.rglob("*.gguf"))
    if settings.keep_gguf:
        if len(quantized) != 1:
            raise PoqError(f"model {dict(source)}: found {len(quantized)} GGUF files; expected one")
    elif not weights and len(quantized) == 1:
        dequantize(quantized[0])
    elif not weights:
        raise PoqError(
            f"model {dict(source)}: found no safetensors and {len(quantized)} GGUF files"
        )
    complete_folder(manifest, {"source": dict(source), "origin": origin})


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


def dequantize(gguf: Path) -> None:
    """Replace a GGUF file by safetensors in bfloat16, with configuration and tokenizer.

    bfloat16 is the format in which such models are published; its rounding is far below that of
    the 4-bit blocks that it unpacks.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    log.info("dequantising %s (%.0f MB)", gguf.name, gguf.stat().st_size / 1e6)
    place: dict[str, Any] = {"gguf_file": gguf.name, "local_files_only": True}
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **place)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
        **place,
    )
    with tempfile.TemporaryDirectory(dir=gguf.parent.parent) as scratch:
        tokenizer.save_pretrained(scratch)
        model.save_pretrained(scratch)
        # Weights last: a folder that has them has all the rest.
        for file in sorted(Path(scratch).iterdir(), key=lambda file: file.suffix == ".safetensors"):
            shutil.move(file, gguf.parent / file.name)
    gguf.unlink()
