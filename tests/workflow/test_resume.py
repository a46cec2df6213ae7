"""kill -9 in the middle of generation, then the documented command, in more shards."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.workflow.conftest import command, environment, prepare, run

pytestmark = pytest.mark.workflow
TARGET = "results/mini/outputs/smollm2.parquet"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the file of a run that nothing ended."""
    folder = prepare(tmp_path_factory.mktemp("undisturbed"), "mini.yaml")
    result = run(folder, "--cores", "2", TARGET)
    assert result.returncode == 0, result.stdout
    return (folder / TARGET).read_bytes()


@pytest.mark.parametrize("orphan", [False, True], ids=["all killed", "job outlives Snakemake"])
def test_killed_generation_goes_on_and_equals_an_undisturbed_run(
    undisturbed: bytes, tmp_path: Path, orphan: bool
) -> None:
    folder = prepare(tmp_path, "mini.yaml")
    checkpoints = folder / "results/mini/.checkpoints"
    process = subprocess.Popen(
        command(folder, "--cores", "1", TARGET),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not list(checkpoints.rglob("*.json")):
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline, "no batch was finished in time"
        time.sleep(0.05)
    if orphan:
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    finished = len(list(checkpoints.rglob("*.json")))
    assert not (folder / TARGET).exists()

    assert run(folder, "--cores", "1", "--unlock").returncode == 0
    result = run(folder, "--cores", "1", "--set-scatter", "generation=2", "--", TARGET)
    assert result.returncode == 0, result.stdout

    assert (folder / TARGET).read_bytes() == undisturbed
    if orphan:
        return
    # 9 + 6 prompts in batches of 2 make 5 + 3 batches; the logs tell how many were taken over.
    logs = folder / "results/mini/logs/generate_outputs/smollm2"
    log = "".join((logs / f"{number}-of-2.log").read_text() for number in (1, 2))
    taken_over = re.findall(r"(\d) of (\d) batches taken over", log)
    assert [int(batches) for _, batches in taken_over] == [4, 4]
    assert sum(int(kept) for kept, _ in taken_over) == finished
    assert log.count("tokens/s") == 8 - finished
    assert not checkpoints.joinpath("outputs", "smollm2").exists()
