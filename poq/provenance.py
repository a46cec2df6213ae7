"""Digests that say which configuration and which code a table came from.

Snakemake reruns a rule when its parameters change, but does not see what a script imports. Each
rule therefore carries :func:`code_digest` of its script as a parameter: the digest of every
``poq`` module that the script can reach. Comments, docstrings and layout do not count.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from poq.schema import TABLES

ROOT = Path(__file__).parent.parent
PACKAGES = (
    "httpx2",
    "numpy",
    "polars",
    "pyarrow",
    "rouge-score",
    "scipy",
    "sentence-transformers",
    "torch",
    "transformers",
    "xllamacpp",
)


def digest(value: Any) -> str:
    """Return 16 hexadecimal digits of the SHA-256 of a JSON value, independent of key order."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def code_digest(script: Path, kinds: Iterable[str] = ()) -> str:
    """Return the digest of a script and of all ``poq`` modules that it imports, transitively.

    Of ``poq.schema`` only the contracts of those tables count that the script, or a module loaded
    by name, mentions: a new table must not rerun what knows nothing of it.

    Args:
        script: the file that a rule runs.
        kinds: modules that are loaded by name at run time ("poq.evaluators.lexical"), which no
            import statement shows.
    """
    modules = reachable_modules(script, kinds) - {"poq.schema"}
    files = [script, *(_module_file(name) for name in sorted(modules))]
    named = set().union(*map(_texts, [script, *map(_module_file, kinds)]))
    contracts = [TABLES[name].contract() for name in sorted(named & TABLES.keys())]
    return digest([*map(_normalized, files), contracts])


def reachable_modules(script: Path, kinds: Iterable[str] = ()) -> set[str]:
    """Return the names of the ``poq`` modules whose change alters :func:`code_digest`."""
    return _reachable({*_imports(script), *kinds})


def stamp(params: Mapping[str, Any]) -> dict[str, str]:
    """Return the provenance that a table carries in its Parquet metadata.

    Args:
        params: a rule's parameters: ``settings`` (the part of the configuration that the rule
            depends on), ``code`` (its code digest) and, where it draws numbers, ``seed``.
    """
    return {
        "config_digest": digest(params.get("settings")),
        "code_digest": str(params.get("code", "")),
        "seed": str(params.get("seed", "")),
        "packages": json.dumps({name: _version(name) for name in PACKAGES}, sort_keys=True),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _reachable(start: set[str]) -> set[str]:
    found: set[str] = set()
    pending = {name for name in start if _module_file(name).is_file()}
    while pending:
        name = pending.pop()
        found.add(name)
        parents = {name.rsplit(".", depth)[0] for depth in range(1, name.count(".") + 1)}
        names = _imports(_module_file(name)) | parents
        pending |= {other for other in names if _module_file(other).is_file()} - found
    return found


def _module_file(name: str) -> Path:
    path = ROOT.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _imports(file: Path) -> frozenset[str]:
    """Return all names that a file may import from ``poq``, modules and attributes alike."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(name for name in names if name.split(".")[0] == "poq")


@cache
def _texts(file: Path) -> frozenset[str]:
    """Return all texts that stand in a file's code."""
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    values = (node.value for node in nodes if isinstance(node, ast.Constant))
    return frozenset(value for value in values if isinstance(value, str))


@cache
def _normalized(file: Path) -> str:
    """Return a file's code without comments, docstrings and layout."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)
