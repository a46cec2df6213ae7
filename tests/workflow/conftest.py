"""Runs the real Snakemake on the real Snakefile, in folders of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
Snakemake = Callable[..., "subprocess.CompletedProcess[str]"]


def command(folder: Path, *arguments: str, root: Path = ROOT) -> list[str]:
    """Return the command line of a run in a folder."""
    options = ["--snakefile", str(root / "Snakefile"), "--directory", str(folder)]
    profile = ["--workflow-profile", str(root / "profiles" / "default")]
    configfile = ["--configfile", str(folder / "config.yaml")]
    return [sys.executable, "-m", "snakemake", *options, *profile, *configfile, *arguments]


def run(folder: Path, *arguments: str, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a folder and return what it printed, both streams in ``stdout``."""
    return subprocess.run(
        command(folder, *arguments, root=root),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=environment(),
    )


def environment() -> dict[str, str]:
    """Return an environment in which no model hub can be reached by mistake."""
    return os.environ | {"HF_HUB_OFFLINE": "1"}


def prepare(folder: Path, config: str) -> Path:
    """Put a configuration into a folder, with the model cache that all tests share."""
    folder.mkdir(parents=True, exist_ok=True)
    values = yaml.safe_load((HERE / config).read_text())
    values["model_cache"] = str(ROOT / "cache" / "models")
    (folder / "config.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    return folder


def copy_project(project: Path) -> Path:
    """Copy what a run needs of the project."""
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("poq", "workflow", "resources", "profiles", "envs", "config"):
        shutil.copytree(ROOT / name, project / name, ignore=ignore)
    shutil.copy(ROOT / "Snakefile", project)
    return project


@pytest.fixture(scope="session")
def finished_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project that holds a finished run without models."""
    project = copy_project(tmp_path_factory.mktemp("finished") / "project")
    prepare(project, "modelless.yaml")
    result = run(project, "--cores", "2", root=project)
    assert result.returncode == 0, result.stdout
    return project


@pytest.fixture
def project(finished_project: Path, tmp_path: Path) -> Path:
    """Return a project with a finished run, to change at will."""
    return shutil.copytree(finished_project, tmp_path / "project", symlinks=True)
