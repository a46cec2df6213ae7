"""Turns any source into one local folder in the hub's layout, with weights and a manifest.

Only configuration, tokenizer and safetensors (or GGUF, which is dequantised once unless it is to
be kept) are taken: formats that can run code when they are loaded (pickle, Python files) never
enter the folder (:mod:`poq.models.safe`).
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from poq import kinds
from poq.errors import PoqError
from poq.models.folder import building_folder, check_sha256, complete_folder, locked
from poq.models.safe import check_contents

log = logging.getLogger(__name__)


def fetch_model(source: Mapping[str, Any], manifest: str | Path) -> None:
    """Collect a model's files into the folder of ``manifest`` and write the manifest last.

    The folder is built beside its final place and moved there when it is complete and verified,
    so that a folder with a manifest is always whole.

    Args:
        source: settings of the source, with its ``kind``.
        manifest: path of the manifest; its folder is replaced.

    Raises:
        PoqError: a file is missing or its checksum is wrong, there are no safe weights, or a file
            names code to run.
    """
    # Runs in other folders may share the cache; the second of two waits and fetches again.
    with locked(manifest):
        _fetch(source, manifest)


def _fetch(source: Mapping[str, Any], manifest: str | Path) -> None:
    settings = kinds.settings("poq.models", source)
    building = building_folder(manifest)
    kind = kinds.load("poq.models", settings.kind)
    origin = kind.collect(settings, building)
    for name, expected in getattr(settings, "sha256", {}).items():
        _check(building / name, expected)
    weights = sorted(building.rglob("*.safetensors"))
    quantized = sorted(building.rglob("*.gguf"))
    if settings.keep_gguf and len(quantized) != 1:
        raise PoqError(f"model {dict(source)}: found {len(quantized)} GGUF files; expected one")
    packed = not settings.keep_gguf and not weights
    if packed and len(quantized) != 1:
        raise PoqError(
            f"model {dict(source)}: found no safetensors and {len(quantized)} GGUF files"
        )
    check_contents(building)
    if packed:
        dequantize(quantized[0])
    complete_folder(manifest, {"source": dict(source), "origin": origin})


def _check(path: Path, expected: str) -> None:
    """Verify a file that a source brought; a wrong one is deleted, so as to be fetched anew."""
    if not path.is_file():
        raise PoqError(f"sha256: found no file {path.name}; expected one of the model's files")
    try:
        check_sha256(path, expected)
    except PoqError:
        path.unlink()
        raise


def dequantize(gguf: Path) -> None:
    """Replace a GGUF file by safetensors in bfloat16, with configuration and tokenizer.

    bfloat16 is the format in which such models are published; its rounding is far below that of
    the 4-bit blocks that it unpacks.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    log.info("dequantising %s (%.0f MB)", gguf.name, gguf.stat().st_size / 1e6)
    place: dict[str, Any] = {
        "gguf_file": gguf.name,
        "local_files_only": True,
        "trust_remote_code": False,
    }
    with _parsed_once():
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **place)
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent,
            dtype=torch.bfloat16,
            quantization_config=GgufConfig(dequantize=True),
            **place,
        )
    with tempfile.TemporaryDirectory(dir=gguf.parent, prefix=".") as scratch:
        tokenizer.save_pretrained(scratch)
        model.save_pretrained(scratch)
        # Weights last: a folder that has them has all the rest.
        for file in sorted(Path(scratch).iterdir(), key=lambda file: file.suffix == ".safetensors"):
            shutil.move(file, gguf.parent / file.name)
    gguf.unlink()


@contextmanager
def _parsed_once() -> Iterator[None]:
    """Keep what is parsed of a GGUF file while tokenizer, configuration and weights are read.

    transformers parses the file for each of them, and a large vocabulary takes 20 s.
    """
    import gguf

    reader = gguf.GGUFReader
    gguf.GGUFReader = cache(reader)
    try:
        yield
    finally:
        gguf.GGUFReader = reader
