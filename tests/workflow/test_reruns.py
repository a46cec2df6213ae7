"""What a change of code or configuration reruns, and what it does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import run

pytestmark = pytest.mark.workflow
Run = tuple[Path, Path]


def planned(folder: Path, project: Path) -> set[str]:
    """Return the rules that a dry run would run."""
    result = run(folder, "--cores", "1", "--dry-run", root=project)
    assert result.returncode == 0, result.stdout
    return set(re.findall(r"^(?:local)?rule (\w+):", result.stdout, flags=re.MULTILINE))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_changed_code_reruns_what_depends_on_it(modelless: Run) -> None:
    folder, project = modelless
    assert planned(folder, project) == {"all"} or planned(folder, project) == set()

    edit(project / "poq/scoring.py", "MIDPOINT = 5.0", "MIDPOINT = 4.0")
    found = planned(folder, project)
    assert {"score_outputs", "estimate_reliability", "simulate_rounds", "pay_nodes"} <= found
    assert not found & {"build_prompts", "generate_outputs", "profile_node", "measure_quality"}


def test_changed_comment_reruns_nothing(modelless: Run) -> None:
    folder, project = modelless
    edit(project / "poq/scoring.py", "MIDPOINT = 5.0", "MIDPOINT = 5.0  # the middle of the scale")
    assert planned(folder, project) - {"all"} == set()


def test_changed_evaluator_kind_reruns_only_its_evaluators(modelless: Run) -> None:
    folder, project = modelless
    edit(project / "poq/evaluators/cross_encoder.py", "512", "256")
    assert planned(folder, project) - {"all"} == set()


def test_changed_reward_reruns_payment_alone(modelless: Run) -> None:
    folder, project = modelless
    values = yaml.safe_load((folder / "config.yaml").read_text())
    values["reward"]["beta"] = 0.5
    (folder / "config.yaml").write_text(yaml.safe_dump(values))
    found = planned(folder, project)
    assert {"pay_nodes", "summarize_run"} <= found
    assert not found & {"simulate_rounds", "normalize_costs", "score_outputs"}


def test_new_evaluator_scores_alone(modelless: Run) -> None:
    folder, project = modelless
    values = yaml.safe_load((folder / "config.yaml").read_text())
    values["evaluators"]["lexical-question"] = values["evaluators"]["lexical-context"] | {
        "compares_with": "question"
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(values))
    result = run(folder, "--cores", "1", "--dry-run", root=project)
    assert result.stdout.count("rule score_outputs:") == 1
    assert not planned(folder, project) & {"generate_outputs", "build_prompts"}
