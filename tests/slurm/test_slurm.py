"""The shipped profile on a real Slurm: the same tables as without it.

The whole module takes minutes and runs by `make test-slurm`; the run without models, which is over
in one or two, is part of `make test` too.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.slurm.cluster import Cluster
from tests.workflow.compare import different, take_measurements, targets, unmeasured
from tests.workflow.conftest import ROOT, prepare

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(3000)]
SECRET = "sk-never-to-be-written"  # noqa: S105
STAGES = ("generation", "scoring", "simulation")
SHARDS = (1, 2, 5)


@dataclass
class SlurmRun:
    """A run that is on the cluster, or was."""

    folder: Path
    process: subprocess.Popen[str]
    started: float
    seconds: float = 0.0
    log: str = ""

    def finish(self) -> None:
        """Wait for its end, which must be a good one."""
        self.process.wait()
        self.seconds = (self.folder / "snakemake.log").stat().st_mtime - self.started
        self.log = (self.folder / "snakemake.log").read_text()
        assert self.process.returncode == 0, self.log

    @property
    def jobs(self) -> int:
        """Number of jobs of the workflow."""
        return jobs(self.log)

    @property
    def submitted(self) -> list[str]:
        """The Slurm job ids that sbatch gave."""
        return re.findall(r"has been submitted with SLURM jobid (\d+)", self.log)

    def partition(self, name: str) -> set[str]:
        """Return the rules and groups of which a job was sent to a partition."""
        return set(re.findall(rf"Auto-selected partition '{name}' for job ([\w-]+)", self.log))


def jobs(log: str) -> int:
    """Return the number of jobs that a run finished, in one call of Snakemake or several."""
    found = re.findall(r"(\d+) of \1 steps \(100%\) done", log)
    assert found, log
    return sum(map(int, found))


def submit(
    cluster: Cluster, folder: Path, config: str, changes: dict[str, Any], *arguments: str
) -> SlurmRun:
    """Start Snakemake with the shipped profile, as a user would on a submitting host.

    Args:
        cluster: where to submit.
        folder: where to run; what lies there is gone on from.
        config: the configuration.
        changes: entries of it that are replaced.
        arguments: further arguments, such as targets.
    """
    prepare(folder, config)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes, sort_keys=False))
    options = ["--snakefile", str(ROOT / "Snakefile"), "--configfile", str(path)]
    profile = ["--workflow-profile", str(ROOT / "profiles" / "slurm")]
    environment = cluster.environment | {"HF_HUB_OFFLINE": "1", "OPENAI_API_KEY": SECRET}
    with (folder / "snakemake.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *options, *profile, *arguments],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )
    return SlurmRun(folder, process, time.time())


def holds_secret(folder: Path) -> list[Path]:
    """Return the files below a folder that the secret stands in."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if SECRET.encode() in path.read_bytes()]


def test_a_run_without_models_equals_a_local_one(cluster: Cluster, tmp_path: Path) -> None:
    tables = ("quality", "reliability", "simulation/rounds", "profile/inference/lead")
    figures = ("evaluator_reliability", "evaluator_architecture")
    wanted = [f"results/modelless/{name}.parquet" for name in tables]
    wanted += [f"results/modelless/figures/{name}.svg" for name in figures]
    ours = submit(cluster, tmp_path / "slurm", "modelless.yaml", {}, *wanted)
    reference = unmeasured(tmp_path / "local", "modelless.yaml")
    ours.finish()
    count, unequal = different(ours.folder, reference, tmp_path / "compared")
    # prompts, 2 x outputs, 2 x scores, 2 x scales, profile, reference_quality, quality,
    # reliability, rounds, ratings
    assert count == 14
    assert unequal == []
    assert all((ours.folder / target).exists() for target in wanted)
    # At least 6 jobs of tables are one submission, and 2 figures are one.
    assert len(ours.submitted) <= ours.jobs - 6
    # No node of this run needs a GPU. A group asks for what its largest job needs, and all time.
    assert ours.partition("gpu") == set()
    assert {"build_prompts", "generate_outputs", "profile_node"} <= ours.partition("cpu")
    group = " ".join(cluster.ask("scontrol", "show", "job", ours.submitted[-2]).split())
    assert "NumCPUs=1 " in group
    assert "MinMemoryNode=2000M " in group
    assert "TimeLimit=00:30:00 " in group
    # The environment of a job holds secrets, and nothing else does.
    assert holds_secret(ours.folder) == []
    assert SECRET not in cluster.ask("scontrol", "show", "job")


@pytest.mark.cluster
def test_mini_runs_equal_a_local_one(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One run from its beginning to its end; what the others measure would take the node alone."""

    def start(count: int, *arguments: str) -> SlurmRun:
        changes = {"shards": dict.fromkeys(STAGES, count)}
        return submit(cluster, tmp_path / f"{count}-shards", "mini.yaml", changes, *arguments)

    whole, *parts = SHARDS
    first = start(whole)
    begun = {count: start(count, *targets("mini.yaml")) for count in parts}
    reference = unmeasured(tmp_path / "local", "mini.yaml")
    first.finish()
    runs = {whole: first}
    for count, part in begun.items():
        part.finish()
        take_measurements(first.folder, part.folder)
        runs[count] = start(count, "--rerun-triggers", "mtime")
        runs[count].started = part.started
    rows: list[tuple[str, ...]] = [("shards", "jobs", "submissions", "wall time", "tables equal")]
    failures: dict[int, list[str]] = {}
    for shards, one in runs.items():
        if one is not first:
            one.finish()
        count, unequal = different(one.folder, reference, tmp_path / f"{shards}-compared")
        failures |= {shards: unequal} if unequal else {}
        equal = f"{count - len(unequal)} of {count}"
        times = (f"{one.seconds:.0f} s", equal)
        rows.append((str(shards), str(one.jobs), str(len(one.submitted)), *times))
        # The lead node and the lexical evaluator need no GPU, the models do.
        both = {"generate_outputs", "score_outputs"}
        both |= {"profile_node", "profile_evaluator"} if one is first else set()
        gpu, cpu = one.partition("gpu"), one.partition("cpu")
        assert both <= gpu & cpu
        assert gpu - both == {"train_evaluator", "compare_outputs"}
        assert holds_secret(one.folder) == []
    with capsys.disabled():
        print("", *_lines(rows), sep="\n")  # noqa: T201
    assert failures == {}


def _lines(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
