"""What jobs ask for under the shipped profiles."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.workflow.conftest import ROOT, prepare, run

pytestmark = pytest.mark.workflow
# Job -> GPUs, of the mini configuration: what loads a model into torch asks for one.
NEEDS = {
    "generate_outputs smollm2": 1,
    "generate_outputs smollm2-hot": 1,
    "generate_outputs lead": 0,
    "score_outputs static-reference": 1,
    "score_outputs trained-evidence": 1,
    "score_outputs lexical-context": 0,
    "score_outputs smollm2-judge": 0,  # llama.cpp, on the CPU
    "compare_outputs static-reference": 1,
    "train_evaluator minilm-cross": 1,
}


def asked(folder: Path, *arguments: str) -> dict[str, int]:
    """Return the GPUs that each job of a dry run asks for."""
    result = run(folder, "--dry-run", "--forceall", *arguments)
    assert result.returncode == 0, result.stdout
    found = {}
    for job in re.split(r"^ *rule ", result.stdout, flags=re.MULTILINE):
        if gpus := re.search(r"resources: .*gpu=(\d)", job):
            wildcard = re.search(r"wildcards: \w+=([\w.-]+)", job)
            assert wildcard, job
            found[f"{job.partition(':')[0]} {wildcard[1]}"] = int(gpus[1])
    return found


def profile(name: str) -> tuple[str, str]:
    return "--workflow-profile", str(ROOT / "profiles" / name)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder on PATH in which programs can be put; no other has nvidia-smi."""
    folders = [
        folder
        for folder in os.environ["PATH"].split(os.pathsep)
        if not Path(folder, "nvidia-smi").exists()
    ]
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", os.pathsep.join([str(programs), *folders]))
    return programs


def test_on_a_cluster_jobs_ask_for_the_gpus_that_they_can_use(
    machine: Path, tmp_path: Path
) -> None:
    folder = prepare(tmp_path / "run", "mini.yaml")
    found = asked(folder, *profile("slurm"))
    assert {job: gpus for job, gpus in found.items() if not job.startswith("profile_")} == NEEDS
    # A node is profiled as it generates, an evaluator as it scores.
    for job, gpus in NEEDS.items():
        rule, name = job.split()
        if rule == "generate_outputs":
            assert found[f"profile_node {name}"] == gpus
        elif rule == "score_outputs":
            assert found[f"profile_evaluator {name}"] == gpus
    assert set(asked(folder, *profile("slurm"), "--resources", "gpu=0").values()) == {0}


def test_here_jobs_ask_for_a_gpu_if_there_is_one(machine: Path, tmp_path: Path) -> None:
    folder = prepare(tmp_path / "run", "mini.yaml")
    assert set(asked(folder).values()) == {0}
    (machine / "nvidia-smi").touch(0o755)
    assert asked(folder)["generate_outputs smollm2"] == 1
    assert asked(folder)["generate_outputs lead"] == 0


@pytest.mark.parametrize("config", ["mini.yaml", "modelless.yaml"])
def test_groups_hold_together(config: str, tmp_path: Path) -> None:
    """Snakemake refuses a group that depends on itself."""
    result = run(prepare(tmp_path, config), "--dry-run", *profile("slurm"))
    assert result.returncode == 0, result.stdout
    assert "Group job tables" in result.stdout
    assert "Group job figures" in result.stdout
