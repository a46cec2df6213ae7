"""A part of the fault drill that takes seconds: on a run without models."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from drill import faults
from drill.__main__ import Case, attempt
from drill.faults import Stage
from drill.scratch import Scratch
from tests.workflow.conftest import prepare, run

pytestmark = pytest.mark.workflow

ROUNDS = Stage("simulation", "simulate_rounds")
SCORES = "scores/lexical-context.parquet"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """Return a finished run without models."""
    folder = prepare(tmp_path_factory.mktemp("drill"), "modelless.yaml")
    result = run(folder, "--cores", "2")
    assert result.returncode == 0, result.stdout
    return Scratch(folder)


@pytest.mark.parametrize(
    ("fault", "sees", "again"),
    [
        (faults.kill_job, "SIGKILL", "1 job"),
        (faults.kill_snakemake, "Directory cannot be locked", "1 job"),
        (partial(faults.flip_byte, table=SCORES), f"{SCORES}: ", "1 job"),
        (partial(faults.flip_unread, file="summary.html"), "summary.html: sha256 is", "1 job"),
        (faults.read_only, "results/modelless: cannot be written to", "1 job"),
    ],
    ids=["job killed", "Snakemake killed", "table", "page", "read-only"],
)
def test_nothing_is_lost(
    base: Scratch, tmp_path: Path, fault: faults.Fault, sees: str, again: str
) -> None:
    jobs = base.jobs()
    row = attempt(base.copy(tmp_path / "copy"), base, Case("fault", ROUNDS, fault), jobs)
    if row.sees.startswith("skipped"):
        pytest.skip(row.sees)
    assert row.bad == ""
    assert sees in row.sees
    assert (row.lost, row.again) == ("nothing", again)
