"""What may be in a model folder: weights that are data, and no name of code to run.

safetensors and GGUF hold numbers. A pickle runs what its author wrote when it is opened, so that
none is ever taken, and neither is a Python file. Beside weights lie JSON files, and some of them
name classes that sentence-transformers imports and calls; those it has itself are let through.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from poq.errors import PoqError

PATTERNS = ("*.safetensors", "*.gguf", "*.json", "*.txt", "*.model", "*.jinja")
PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.pickle", "*.ckpt", "*.joblib")
MODULES = re.compile(
    r"sentence_transformers\.(models|base\.modules|(sentence_transformer|cross_encoder)\.modules)"
    r"(\.\w+)*\.[A-Z]\w*"
)
"""Classes that ``modules.json`` may name: modules of sentence-transformers, by any of its paths."""
ACTIVATIONS = re.compile(r"torch\.nn(\.modules(\.[a-z_]+)?)?\.[A-Z]\w*")
"""Classes that a configuration may name as an activation function."""
ACTIVATION_KEYS = {
    "activation_fn",
    "activation_function",
    "sbert_ce_default_activation_function",
}
TOKENIZER_KEYS = {"tokenizer_class"}
"""Keys whose value may be the path of a class that is imported and called.

In most configurations a plain name of transformers (``gelu``) stands there, which is no path.
"""


def pickles(names: Iterable[str]) -> list[str]:
    """Return those names of files that are pickles by their ending, sorted."""
    return sorted(name for name in names if _matches(name.lower(), PICKLES))


def safe(name: str) -> bool:
    """Return whether a file is of a type that is taken, by its ending."""
    return _matches(name, PATTERNS)


def safe_name(name: str) -> str:
    """Return the name of a file of a model folder as it is.

    Raises:
        ValueError: it leads out of the folder, or is of a type that is not taken.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise ValueError("expected a path inside the model folder")
    if not safe(name):
        raise ValueError(f"expected a file of one of the types {', '.join(PATTERNS)}")
    return name


def check_contents(folder: Path) -> None:
    """Check that weights are whole and what their names say, and that no file names foreign code.

    Raises:
        PoqError: a file is not; the message names it.
    """
    for path in sorted(folder.rglob("*.safetensors")):
        _check_safetensors(path)
    for path in sorted(folder.rglob("*.safetensors.index.json")):
        _check_index(path)
    for path in sorted(folder.rglob("*.gguf")):
        with path.open("rb") as file:
            if (found := file.read(4)) != b"GGUF":
                raise PoqError(f"{path.name}: begins with {found!r}; expected a GGUF file")
    for path in sorted(folder.rglob("*.json")):
        for key, value, allowed in _classes(path):
            if allowed.fullmatch(value) is None:
                raise PoqError(
                    f"{path.relative_to(folder)}: {key} is {value!r}; expected a class of the "
                    "library that loads it, since any other would run code of the repository"
                )


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _check_safetensors(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np"):
            pass
    except (SafetensorError, OSError) as error:
        raise PoqError(f"{path.name}: is no safetensors file: {error}") from error


def _check_index(path: Path) -> None:
    """Check that the parts of weights which an index names are there, or the weights as one."""
    whole = path.with_name(path.name.removesuffix(".index.json"))
    try:
        parts = set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values())
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise PoqError(f"{path.name}: is no index of weights: {error!r}") from error
    missing = sorted(part for part in parts if not (path.parent / str(part)).is_file())
    if missing and not whole.is_file() and _any_of(path):
        raise PoqError(f"{path.name}: names {', '.join(missing)}; found no such file")


def _any_of(index: Path) -> bool:
    """Return whether weights of an index's name are there: else the folder has other ones."""
    stem = index.name.removesuffix(".safetensors.index.json")
    return any(index.parent.glob(f"{stem}-*.safetensors"))


def _classes(path: Path) -> Iterator[tuple[str, str, re.Pattern[str]]]:
    """Yield key, path of a class, and which ones are allowed, for each that a JSON file names."""
    if path.name != "modules.json" and "config" not in path.name:
        return
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise PoqError(f"{path.name}: is not JSON: {error}") from error
    if path.name == "modules.json":
        for value in _texts(content, {"type"}):
            yield "type", value, MODULES
    elif path.name == "router_config.json":
        for value in _texts(content, {"types"}):
            yield "types", value, MODULES
    for keys, allowed in ((ACTIVATION_KEYS, ACTIVATIONS), (TOKENIZER_KEYS, MODULES)):
        for value in _texts(content, keys):
            if "." in value:
                yield "/".join(sorted(keys)), value, allowed


def _texts(content: Any, keys: set[str], under: bool = False) -> Iterator[str]:
    """Yield the texts under keys, however deep."""
    if isinstance(content, str) and under:
        yield content
    elif isinstance(content, dict):
        for key, value in content.items():
            yield from _texts(value, keys, under or key in keys)
    elif isinstance(content, list):
        for value in content:
            yield from _texts(value, keys, under)
