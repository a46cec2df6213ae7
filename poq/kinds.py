"""Kinds: a package whose modules are interchangeable implementations of one concept.

A *kind* is a module with a ``Settings`` class whose ``kind`` field is a ``Literal`` of the
module's own name. Adding one is adding a file: nothing has to be registered. Modules must stay
cheap to import (heavy libraries are imported inside functions), since reading a configuration
imports them all; a stage then loads only the one that it needs.

Figures, findings and weightings are found the same way, by :func:`members`.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Mapping
from functools import cache, reduce
from importlib import import_module
from operator import or_
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

from pydantic import Field

from poq.errors import PoqError
from poq.settings import Settings


def names(package: str) -> list[str]:
    """Return the kinds that a package holds, sorted; e.g. ``names("poq.evaluators")``."""
    return [*members(package, "Settings")]


@cache
def members(package: str, name: str) -> tuple[str, ...]:
    """Return the modules of a package that define ``name`` at top level, sorted.

    The source is searched, nothing is imported: a module can ask for the kinds of its own package
    while it is being imported itself. A name that a module imports does not count.
    """
    definition = re.compile(rf"^(?:class |def )?{re.escape(name)}(?=[(:= ])", re.MULTILINE)
    files = (
        Path(folder, f"{module.name}.py")
        for folder in import_module(package).__path__
        for module in pkgutil.iter_modules([folder])
        if not module.ispkg
    )
    return tuple(sorted(f.stem for f in files if definition.search(f.read_text("utf-8"))))


def load(package: str, kind: str) -> ModuleType:
    """Return the module of one kind, importing no other.

    Raises:
        PoqError: the package has no such kind.
    """
    known = members(package, "Settings")
    if kind not in known:
        raise PoqError(f"{package}: unknown kind {kind!r}; expected one of {', '.join(known)}")
    return import_module(f"{package}.{kind}")


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
