"""Findings: what was published beside what a run found; one module a paper.

Nothing has to be registered; a module of this package is a paper's if it has

- ``PAPER: str``: the paper's short name and arXiv number;
- ``TABLES: tuple[str, ...]``: names of the tables of ``poq/schema.py`` that it measures on;
- ``FINDINGS: tuple[Finding, ...]``: see :class:`poq.findings.base.Finding`.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

import polars as pl

from poq import kinds
from poq.findings.base import Evidence, row


def names() -> list[str]:
    """Return the names of all papers' modules, sorted."""
    return [*kinds.members(__name__, "FINDINGS")]


def load(name: str) -> ModuleType:
    """Return the module of one paper, a name of :func:`names`."""
    return import_module(f"{__name__}.{name}")


def tables() -> list[str]:
    """Return the names of the tables that the findings of all papers are measured on, sorted."""
    return sorted({table for name in names() for table in load(name).TABLES})


def compare(evidence: Evidence) -> pl.DataFrame:
    """Return what every paper found beside what this run found (table ``findings``)."""
    rows = [
        row(finding, module.PAPER, evidence)
        for module in map(load, names())
        for finding in module.FINDINGS
    ]
    return pl.DataFrame(rows, infer_schema_length=None)
