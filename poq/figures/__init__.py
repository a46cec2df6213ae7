"""Figures: one module a figure, the file name being the figure's name.

Nothing has to be registered; a module of this package is a figure if it has

- a docstring that is its caption in the report (reStructuredText): what is shown, then **How to
  read it.**, **Intervals** and **What it cannot show.**;
- ``TITLE: str``: the heading above the figure;
- ``TABLES: tuple[str, ...]``: names of the tables of ``poq/schema.py`` that it reads;
- ``data(tables, references) -> pl.DataFrame``: the tidy frame behind the figure, exactly what is
  drawn, in a fixed order. ``tables`` maps the names in ``TABLES`` to their frames; ``references``
  maps each task to the reference-quality metric that the configuration chose for it;
- ``draw(data) -> matplotlib.figure.Figure``: the figure of such a frame, with at least one row;
  of a frame without any, the workflow draws :func:`poq.figures.style.nothing`.

Figure modules stay cheap to import: plotting libraries are imported inside functions.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from types import ModuleType

from poq import kinds
from poq.errors import PoqError


def names() -> list[str]:
    """Return the names of all figures, sorted."""
    return [*kinds.members(__name__, "TABLES")]


def load(name: str) -> ModuleType:
    """Return the module of one figure.

    Raises:
        PoqError: there is no such figure.
    """
    known = names()
    if name not in known:
        raise PoqError(f"unknown figure {name!r}; expected one of {', '.join(known)}")
    return import_module(f"{__name__}.{name}")


def caption(name: str) -> str:
    """Return the caption of a figure: its module's docstring."""
    return inspect.cleandoc(load(name).__doc__ or "")
