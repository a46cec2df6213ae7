"""The conda environments: pins agree with the lock, and give what the scripts import."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from poq.provenance import ROOT, reachable_modules

ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))
CONDA_TO_PYPI = {"pytorch": "torch"}
IMPORT_TO_PACKAGE = {"rouge_score": "rouge-score", "yaml": "pyyaml"}
LOADED_BY_KIND = {
    "build_prompts": ["poq.corpus"],
    "build_examples": ["poq.corpus"],
    "read_logs": ["poq.corpus"],
    "fetch_model": ["poq.models"],
    "generate_outputs": ["poq.generation"],
    "profile_node": ["poq.generation"],
    "score_outputs": ["poq.evaluators"],
    "profile_evaluator": ["poq.evaluators"],
    "simulate_rounds": ["poq.consensus"],
    "plot_figure": ["poq.figures"],
    "compare_findings": ["poq.findings"],
}


def packages(environment: Path) -> dict[str, str]:
    """Return PyPI name -> version of an environment's pins."""
    entries = yaml.safe_load(environment.read_text())["dependencies"]
    by_pip = [pin for entry in entries if isinstance(entry, dict) for pin in entry["pip"]]
    texts = [entry for entry in entries if isinstance(entry, str)] + by_pip
    pinned = (re.fullmatch(r"([a-z0-9_-]+)={1,2}([0-9.]+)", text) for text in texts)
    found = {match[1].replace("_", "-"): match[2] for match in pinned if match}
    found.pop("python")
    return {CONDA_TO_PYPI.get(name, name): version for name, version in found.items()}


def environments_of_rules() -> dict[str, Path]:
    """Return script name -> environment, from the rules."""
    found = {}
    for rules in (ROOT / "workflow" / "rules").glob("*.smk"):
        for rule in rules.read_text().split("\nrule ")[1:]:
            script = re.search(r"scripts/(\w+)\.py", rule)
            environment = re.search(r"envs/(\w+\.yaml)", rule)
            assert script, rule
            assert environment, rule
            assert rule.startswith(f"{script[1]}:"), "a rule and its script share one name"
            found[script[1]] = ROOT / "envs" / environment[1]
    return found


def imports(file: Path) -> set[str]:
    """Return the top-level names that a file imports, in functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def third_party(script: str) -> set[str]:
    """Return the packages that a script and the modules it can reach import."""
    kinds = [
        f"{package}.{path.stem}"
        for package in LOADED_BY_KIND.get(script, [])
        for path in ROOT.joinpath(*package.split(".")).glob("*.py")
        if path.stem != "__init__"
    ]
    file = ROOT / "workflow" / "scripts" / f"{script}.py"
    modules = reachable_modules(file, kinds)
    files = [file]
    for module in modules:
        path = ROOT.joinpath(*module.split("."))
        files.append(path / "__init__.py" if path.is_dir() else path.with_suffix(".py"))
    names = set().union(*map(imports, files)) - {"poq"} - set(sys.stdlib_module_names)
    return {IMPORT_TO_PACKAGE.get(name, name.replace("_", "-")) for name in names}


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda path: path.stem)
def test_pins_agree_with_the_lock(environment: Path) -> None:
    lines = re.findall(r"^[a-z0-9._-]+==[^\\\n]+", (ROOT / "requirements.lock").read_text(), re.M)
    python = {"python_version": "3.12", "python_full_version": "3.12.0"}
    lock = {
        requirement.name: str(requirement.specifier).removeprefix("==")
        for requirement in map(Requirement, lines)
        if requirement.marker is None or requirement.marker.evaluate(python)
    }
    torch = re.search(r'"torch==([^"]+)"', (ROOT / "pyproject.toml").read_text())
    assert torch
    lock["torch"] = torch[1]
    pins = packages(environment)
    assert pins == {name: lock[name] for name in pins}


@pytest.mark.parametrize("script", sorted(environments_of_rules()))
def test_environment_gives_what_the_script_imports(script: str) -> None:
    environment = environments_of_rules()[script]
    needed = third_party(script)
    missing = needed - set(packages(environment))
    assert missing == set(), f"{environment.name} lacks {sorted(missing)}"


def test_every_environment_is_used_and_figures_need_no_torch() -> None:
    assert set(environments_of_rules().values()) == set(ENVIRONMENTS)
    assert "torch" not in packages(ROOT / "envs" / "figures.yaml")
    assert "torch" not in packages(ROOT / "envs" / "core.yaml")
