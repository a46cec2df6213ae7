"""The reference quality of outputs of all tasks, which may each have their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

POOLED = "pooled"
"""What stands for the task where outputs of all tasks are taken together."""
SEPARATOR = "+"
"""Stands in no name of a reference quality."""


def pooled_reference(references: Mapping[str, str]) -> str:
    """Return the name of what outputs of all tasks are measured by: ``a+b`` if tasks differ.

    Args:
        references: task -> the reference quality that the configuration chose for it.
    """
    return SEPARATOR.join(sorted(set(references.values())))


def references_of(task: str, names: Iterable[str]) -> list[str]:
    """Return the reference qualities of a task: all but those that tasks have between them."""
    return [name for name in names if task == POOLED or SEPARATOR not in name]


def with_pooled(quality: pl.DataFrame, references: Mapping[str, str]) -> pl.DataFrame:
    """Return table ``reference_quality`` with the pooled reference, if it has no column of it.

    Each output is measured by its own task's reference, as in the pooled composites.

    Args:
        quality: table ``reference_quality``.
        references: task -> the reference quality that the configuration chose for it.
    """
    name = pooled_reference(references)
    if name in quality.columns:
        return quality
    own = (pl.when(pl.col("task") == task).then(column) for task, column in references.items())
    return quality.with_columns(pl.coalesce(own).alias(name))
