"""A part of the fault drill that takes seconds: on a run without models."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from drill import faults
from drill.__main__ import Case, attempt
from drill.faults import Stage
from drill.scratch import Scratch
from poq.seal import seal_run
from tests.workflow.conftest import prepare, run

pytestmark = pytest.mark.workflow

ROUNDS = Stage("simulation", "simulate_rounds")
SCORES = "scores/lexical-context.parquet"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """Return a run that has come to its first simulation, sealed as a finished one is."""
    folder = prepare(tmp_path_factory.mktemp("drill"), "modelless.yaml")
    targets = [f"results/modelless/{name}" for name in ("simulation/rounds.parquet", "config.yaml")]
    result = run(folder, "--cores", "2", *targets)
    assert result.returncode == 0, result.stdout
    base = Scratch(folder)
    seal_run(base.results)
    return base


@pytest.mark.parametrize(
    ("fault", "sees"),
    [
        (faults.kill_snakemake, "Directory cannot be locked"),
        (partial(faults.flip_byte, table=SCORES), f"{SCORES}: is damaged"),
    ],
    ids=["Snakemake killed", "byte flipped"],
)
def test_nothing_is_lost(base: Scratch, tmp_path: Path, fault: faults.Fault, sees: str) -> None:
    jobs = base.jobs()
    row = attempt(base.copy(tmp_path / "copy"), base, Case("fault", ROUNDS, fault), jobs)
    assert row.bad == ""
    assert sees in row.sees
    assert (row.lost, row.again) == ("nothing", "1 job")


def test_what_is_lost_is_told(base: Scratch, tmp_path: Path) -> None:
    copy = base.copy(tmp_path / "copy")
    assert copy.lost(base) == []
    (copy.results / SCORES).write_bytes(b"")
    (copy.results / "config.html").unlink()
    assert copy.lost(base) == ["config.html", SCORES]
