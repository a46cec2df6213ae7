"""Kinds: a package whose modules are interchangeable implementations of one concept.

A *kind* is a module with a ``Settings`` class whose ``kind`` field is a ``Literal`` of the
module's own name. Adding one is adding a file: nothing has to be registered. Modules must stay
cheap to import (heavy libraries are imported inside functions), since reading a configuration
imports them all; a stage then loads only the one that it needs.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import reduce
from importlib import import_module
from operator import or_
from types import ModuleType
from typing import Annotated, Any

from pydantic import Field

from poq.errors import PoqError
from poq.settings import Settings


def names(package: str) -> list[str]:
    """Return the kinds that a package holds, sorted; e.g. ``names("poq.evaluators")``."""
    modules = (
        import_module(f"{package}.{module.name}")
        for module in pkgutil.iter_modules(import_module(package).__path__)
    )
    return sorted(module.__name__.rsplit(".", 1)[1] for module in modules if _is_kind(module))


def load(package: str, kind: str) -> ModuleType:
    """Return the module of one kind, importing no other.

    Raises:
        PoqError: the package has no such kind.
    """
    try:
        module = import_module(f"{package}.{kind}")
    except ModuleNotFoundError as error:
        if error.name != f"{package}.{kind}":
            raise
        module = None
    if module is None or not _is_kind(module):
        known = ", ".join(names(package))
        raise PoqError(f"{package}: unknown kind {kind!r}; expected one of {known}")
    return module


def settings(package: str, values: Mapping[str, Any]) -> Any:
    """Return the typed ``Settings`` of the kind that ``values["kind"]`` names."""
    return load(package, values["kind"]).Settings.model_validate(values)


def union(package: str, *, without: str = "") -> Any:
    """Return the discriminated union of the ``Settings`` of all kinds of a package but one."""
    kinds = [kind for kind in names(package) if kind != without]
    classes: list[type[Settings]] = [load(package, kind).Settings for kind in kinds]
    if len(classes) == 1:
        return classes[0]
    return Annotated[reduce(or_, classes), Field(discriminator="kind")]


def _is_kind(module: ModuleType) -> bool:
    """Tell whether a module defines ``Settings`` itself, rather than importing the name."""
    return getattr(getattr(module, "Settings", None), "__module__", None) == module.__name__
