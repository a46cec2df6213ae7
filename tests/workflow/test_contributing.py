"""CONTRIBUTING.md, followed to the letter: its examples, in a copy of the project."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from poq import tables
from tests.tiny_models import save_language_model
from tests.workflow.conftest import HERE, ROOT, copy_project, environment, run

pytestmark = pytest.mark.workflow
BLOCK = re.compile(r"^`([^`\n]+)`:\n\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### ([^\n]+)\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL))
EXAMPLES = {title: BLOCK.findall(text) for title, text in SECTIONS.items() if "```" in text}
FILES = [path for blocks in EXAMPLES.values() for path, kind, _ in blocks if kind == "python"]
OWN_TESTS = [path for path in FILES if path.startswith("tests/")]
# Tests that find a kind by themselves, and what of them is of the new ones.
SHARED_TESTS = [
    "tests/unit/test_docs.py",
    "tests/unit/test_environments.py",
    "tests/unit/figures/test_figures.py",
    "tests/unit/consensus/test_base.py",
    "tests/property/test_consensus.py",
    "tests/unit/simulation/test_kernel.py",
]
OF_NEW = (
    "test_docs or test_environments or score_histogram or (winsorized_mean and not test_kernel) "
    "or (test_every_rule_update_and_attack and winsorized_mean-published)"
)
SHOWN = {
    "quality_cost": ["my-llama-fp32"],
    "dimension_audit": ["known_numbers"],
    "attack_heatmap": ["winsorized mean", "hedging"],
    "score_histogram": ["chrf-reference"],
}


def call(project: Path, *arguments: str) -> None:
    """Run a Python module in the project, and fail with what it says."""
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(
        command, cwd=project, capture_output=True, text=True, check=False, env=environment()
    )
    assert done.returncode == 0, done.stdout + done.stderr


def merge(values: dict[str, Any], entry: dict[str, Any]) -> None:
    """Put the keys of an entry beside those that are there; what is no mapping is replaced."""
    for key, value in entry.items():
        if isinstance(value, dict):
            merge(values.setdefault(key, {}), value)
        else:
            values[key] = value


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project with all examples in it; `config.yaml` is `my.yaml`."""
    project = copy_project(tmp_path_factory.mktemp("grown") / "project")
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("tests", "docs", ".mypy_cache"):  # the cache saves a check of the whole project
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, project / name, ignore=ignore)
    for name in ("Makefile", "environment.yaml", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, project)
    values = yaml.safe_load((HERE / "modelless.yaml").read_text())
    del values["inference_nodes"]["long-lead"], values["evaluators"]["lexical-context"]
    values["robustness"]["drop_in"] = {"signals": "all"}  # evaluators with the reference are left
    grids = values["robustness"]["grids"]
    grids["beyond"] = grids.pop("small")
    for path, language, text in (block for blocks in EXAMPLES.values() for block in blocks):
        if language == "yaml":
            assert path == "my.yaml"
            merge(values, yaml.safe_load(text))
        else:
            assert not (project / path).exists()
            (project / path).write_text(text, encoding="utf-8")
    (project / "config.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    save_language_model(project / "models" / "my-llama")
    docs = ["make", "docs", f"VENV={sys.prefix}", f"--old-file={sys.prefix}/ready"]
    done = subprocess.run(docs, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return project


def test_each_is_one_file_one_entry_one_test() -> None:
    packages = ["", "evaluators", "dimensions", "consensus", "attacks", "figures"]
    names = ["A model", "An evaluator", "A dimension", "A consensus rule", "An attack", "A figure"]
    assert list(EXAMPLES) == names
    for (title, blocks), package in zip(EXAMPLES.items(), packages, strict=True):
        modules = [path for path, _, _ in blocks if path.startswith("poq/")]
        tests = [path for path, _, _ in blocks if path.startswith("tests/")]
        entries = [path for path, language, _ in blocks if language == "yaml"]
        # A model's file is its folder. Every run has all figures.
        assert [str(Path(path).parent) for path in modules] == [f"poq/{package}"] * bool(package)
        assert len(tests) == 1
        assert len(entries) == (title != "A figure")
        assert len(blocks) == len(modules) + len(tests) + len(entries)
        assert SECTIONS[title].count("```") == 2 * len(blocks)


def test_examples_are_in_the_style_of_the_project(grown: Path) -> None:
    call(grown, "ruff", "check", *FILES)
    call(grown, "ruff", "format", "--check", *FILES)
    call(grown, "mypy", *FILES)


def test_their_tests_and_those_of_all_kinds_pass(grown: Path) -> None:
    own = " or ".join(Path(path).stem for path in OWN_TESTS)
    call(grown, "pytest", "-q", *OWN_TESTS, *SHARED_TESTS, "-k", f"{OF_NEW} or {own}")


def test_the_run_has_them(grown: Path) -> None:
    figures = [f"results/modelless/figures/{name}.svg" for name in SHOWN]
    done = run(grown, "--cores", "2", *figures, root=grown)
    assert done.returncode == 0, done.stdout
    results = grown / "results" / "modelless"

    def rows(name: str, path: str) -> pl.DataFrame:
        return tables.read(name, results / f"{path}.parquet")

    answers = rows("outputs", "outputs/my-llama-fp32")
    assert len(answers.filter(pl.col("output_tokens") > 0)) == 12
    scores = rows("scores", "scores/chrf-reference")
    assert len(scores) == 2 * 12
    assert scores["score"].n_unique() > 3
    dimensions = rows("dimensions", "dimensions")
    assert dimensions["known_numbers"].max() == 1
    assert "known_numbers" in rows("dimension_audit", "dimension_audit")["dimension"]
    cells = rows("robustness", "simulation/robustness/beyond")
    assert set(cells["consensus"]) == {"mean", "winsorized_mean"}
    assert set(cells["attack"]) == {"boosting", "hedging"}
    for name, shown in SHOWN.items():
        numbers = (results / f"figures/{name}.html").read_text(encoding="utf-8")
        assert [text for text in shown if text not in numbers] == []
