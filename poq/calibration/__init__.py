"""Calibration: how dimensions become one quality, chosen on one split, reported on another.

A *weighting* is a module of this package with a function ``fit(sample)``, which chooses the weights
of a composite on a :class:`poq.calibration.sample.Sample` of outputs, and returns them as
:func:`poq.calibration.composite.normalized` does. Its name is the file's; nothing is registered.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from poq import kinds


def weightings() -> list[str]:
    """Return the names of all weightings, sorted."""
    return [*kinds.members(__name__, "fit")]


def load(name: str) -> ModuleType:
    """Return the module of one weighting, a name of :func:`weightings`."""
    return import_module(f"{__name__}.{name}")
