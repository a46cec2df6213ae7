"""Compares the tables of a run with those of a plain one on this machine."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import polars as pl
from polars.testing import assert_frame_equal

from tests.workflow.conftest import prepare, run

UNMEASURED = ("quality", "reliability")
"""Tables that do not depend on measured times, after which those are taken over."""


def targets(config: str) -> list[str]:
    """Return the paths of the tables :data:`UNMEASURED` in a run."""
    return [f"results/{Path(config).stem}/{name}.parquet" for name in UNMEASURED]


def take_measurements(ours: Path, other: Path) -> None:
    """Copy the measured times of a run into another one."""
    for path in ours.glob("results/*/profile/**/*.parquet"):
        copy = other / path.relative_to(ours)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def unmeasured(folder: Path, config: str) -> Path:
    """Make locally whatever does not depend on measured times, and comes before it."""
    result = run(prepare(folder, config), "--cores", "2", *targets(config))
    assert result.returncode == 0, result.stdout
    return folder


def different(
    ours: Path, reference: Path, scratch: Path, tolerance: float = 0.0
) -> tuple[int, list[str]]:
    """Compare all tables of a run; return their number and the names of those that differ.

    Numbers may differ by the tolerance, relative and absolute.

    Measured times differ by nature, and whatever depends on them: a copy of the local reference
    takes over our measurements, and makes what is missing itself.
    """
    shutil.copytree(reference, scratch)
    take_measurements(ours, scratch)
    found = [path.relative_to(ours) for path in sorted(ours.rglob("*.parquet"))]
    # A hidden folder holds what only goes from job to job.
    names = [str(path) for path in found if not any(part[0] == "." for part in path.parts)]
    result = run(scratch, "--cores", "2", "--rerun-triggers", "mtime", "--", *names)
    assert result.returncode == 0, result.stdout
    assert not re.search(r"rule (profile_|generate_|score_)", result.stdout)
    unequal = [
        name
        for name in names
        if not _equal(pl.read_parquet(ours / name), pl.read_parquet(scratch / name), tolerance)
    ]
    return len(names), unequal


def _equal(one: pl.DataFrame, other: pl.DataFrame, tolerance: float) -> bool:
    if tolerance == 0:
        return one.equals(other)
    try:
        assert_frame_equal(one, other, rel_tol=tolerance, abs_tol=tolerance)
    except AssertionError:
        return False
    return True
