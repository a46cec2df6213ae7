"""A whole run in environments that conda makes: the same tables as without conda.

`make test-conda` runs it, with the conda that is on PATH, and takes some 15 GB. The environments of
the stages are kept where SNAKEMAKE_CONDA_PREFIX names a folder.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.version import Version

from tests.workflow.compare import different, unmeasured
from tests.workflow.conftest import ROOT, command, environment, prepare

pytestmark = [pytest.mark.conda, pytest.mark.timeout(10_000)]
OLDEST = Version("24.7.1")
"""Of conda, for Snakemake."""
ROUNDING = 1e-12
"""Python 3.12 gets other versions of NumPy and SciPy than 3.11, which may run the tests: some ends
of intervals differ in the last digits."""


def conda(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run conda and return what it printed, both streams in ``stdout``."""
    return subprocess.run(
        ["conda", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={name: value for name, value in environment().items() if name != "PYTHONPATH"},
    )


def unavailable(scratch: Path) -> str | None:
    """Return why conda cannot make the environments here; None if it can."""
    if shutil.which("conda") is None:
        return "no conda on PATH"
    found = re.search(r"conda (\S+)", conda("--version").stdout)
    if found is None or Version(found[1]) < OLDEST:
        return f"conda is {found and found[1]}; Snakemake needs {OLDEST} or newer"
    options = ["--dry-run", "--override-channels", "--channel", "conda-forge"]
    result = conda("create", *options, "--prefix", str(scratch / "none"), "python=3.12", "pip")
    if result.returncode != 0:
        reason = re.search(r"^\w+Error: .*", result.stdout, re.M)
        return f"channel conda-forge gives no python=3.12 and pip: {reason and reason[0]}"
    return None


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that is deleted in the end: it holds gigabytes."""
    with tempfile.TemporaryDirectory(prefix="conda-") as name:
        if reason := unavailable(Path(name)):
            pytest.skip(reason)
        yield Path(name)


def test_mini_run_equals_one_without_conda(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prefix = folder / "environment"
    started = time.monotonic()
    made = conda("env", "create", "--file", str(ROOT / "environment.yaml"), "--prefix", str(prefix))
    assert made.returncode == 0, made.stdout
    created = time.monotonic()

    ours = prepare(folder / "ours", "mini.yaml")
    values = yaml.safe_load((ours / "config.yaml").read_text())
    # A cache of its own: fetching belongs to what conda's environments must be able to do.
    values["model_cache"] = str(folder / "models")
    (ours / "config.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    run = ["run", "--no-capture-output", "--prefix", str(prefix), "python", *command(ours)[1:]]
    result = conda(*run, "--cores", "2", "--sdm", "conda")
    assert result.returncode == 0, result.stdout
    assert len(set(re.findall(r"Activating conda environment: (\S+)", result.stdout))) == 4
    finished = time.monotonic()

    result = conda(*run, "--report", str(folder / "report.html"))
    assert result.returncode == 0, result.stdout
    reference = unmeasured(folder / "reference", "mini.yaml")
    count, unequal = different(ours, reference, folder / "compared", ROUNDING)
    times = f"environment.yaml {created - started:.0f} s, run {finished - created:.0f} s"
    with capsys.disabled():
        print(f"\n{times}, {count - len(unequal)} of {count} tables equal")  # noqa: T201
    assert unequal == []
