"""Writes the conda environments from requirements.lock; ``make lock`` runs it.

``environment.yaml`` at the root holds Snakemake and what the Snakefile imports; a file of ``envs/``
holds what the scripts of its rules import. conda provides Python and pip alone. pip installs every
other package, with all that it depends on, in the version of the lock: conda channels lag behind.

pip checks hashes of all packages or of none. The lock has no hash of torch, whose build (CPU or a
CUDA version) is the machine's choice, so an environment with torch has versions without hashes.
conda lets pip resolve dependencies, so torch brings the CUDA libraries that it pins itself.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement

from poq.provenance import ROOT, reachable_modules

PYTHON = "3.12"
MARKERS = {
    "python_version": PYTHON,
    "python_full_version": f"{PYTHON}.0",
    "sys_platform": "linux",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
}
"""The machine for which the markers of the lock are evaluated."""
SNAKEFILE = (
    "snakemake",
    "pygments",  # snakemake --report
    "filelock",
    "httpx2",
    "huggingface-hub",  # access to gated models is checked before the first job
    "numpy",
    "polars",
    "pyarrow",
    "pydantic",
    "pyyaml",
    "tqdm",
)
"""What ``environment.yaml`` provides, less what these depend on."""
IMPORT_TO_PACKAGE = {"yaml": "pyyaml"}
AT_RUN_TIME = {"accelerate": "transformers"}
"""Package -> the package that imports it where it needs it, and does not depend on it."""
LOADED_BY_KIND = {
    "build_prompts": "poq.corpus",
    "build_examples": "poq.corpus",
    "read_logs": "poq.corpus",
    "fetch_model": "poq.models",
    "generate_outputs": "poq.generation",
    "profile_node": "poq.generation",
    "score_outputs": "poq.evaluators",
    "profile_evaluator": "poq.evaluators",
    "simulate_rounds": "poq.consensus",
    "calibrate_composites": "poq.calibration",
    "plot_figure": "poq.figures",
    "compare_outputs": "poq.evaluators",
    "measure_dimensions": "poq.dimensions",
    "compare_findings": "poq.findings",
}
"""Script -> package of kinds, whose modules it loads by name, without an import statement."""


@dataclass
class Pin:
    """One package of the lock."""

    version: str
    hashes: list[str] = field(default_factory=list)
    needed_by: set[str] = field(default_factory=set)


def read_lock(root: Path = ROOT) -> dict[str, Pin]:
    """Return package -> pin, of those that :data:`MARKERS` select; torch has no hash."""
    needed_by = {"accelerate", "sentence-transformers"}
    (torch,) = re.findall(r'"torch==([^"]+)"', (root / "pyproject.toml").read_text())
    pins = {"torch": Pin(torch, needed_by=needed_by)}
    for block in re.split(r"\n(?=[a-z0-9])", (root / "requirements.lock").read_text()):
        requirement = Requirement(re.split(r" \\\n", block)[0]) if block[0] != "#" else None
        if requirement and (not requirement.marker or requirement.marker.evaluate(MARKERS)):
            hashes = re.findall(r"--hash=(\S+)", block)
            needed_by = set(re.findall(r"^    # (?:via |  )([a-z0-9._-]+)$", block, re.M))
            version = str(requirement.specifier).removeprefix("==")
            pins[requirement.name] = Pin(version, hashes, needed_by)
    for package, other in AT_RUN_TIME.items():
        pins[package].needed_by.add(other)
    return pins


def closure(names: Iterable[str], pins: dict[str, Pin]) -> dict[str, Pin]:
    """Return packages with all that they depend on, by name.

    Raises:
        KeyError: a package is not in the lock.
    """
    found = {name: pins[name] for name in names}
    while more := {
        name: pin for name, pin in pins.items() if name not in found and pin.needed_by & set(found)
    }:
        found |= more
    return dict(sorted(found.items()))


def environments_of_rules() -> dict[str, Path]:
    """Return script -> environment, from the rules."""
    found = {}
    for rules in (ROOT / "workflow" / "rules").glob("*.smk"):
        for rule in rules.read_text().split("\nrule ")[1:]:
            (script,) = re.findall(r"scripts/(\w+)\.py", rule)
            (environment,) = re.findall(r"envs/(\w+\.yaml)", rule)
            found[script] = ROOT / "envs" / environment
    return found


def third_party(script: str) -> set[str]:
    """Return the packages that a script and the ``poq`` modules within its reach import."""
    package = LOADED_BY_KIND.get(script)
    folder = ROOT.joinpath(*package.split(".")) if package else None
    paths = sorted(folder.glob("*.py")) if folder else []
    kinds = [f"{package}.{path.stem}" for path in paths if path.stem != "__init__"]
    files = [ROOT / "workflow" / "scripts" / f"{script}.py"]
    for module in reachable_modules(files[0], kinds):
        path = ROOT.joinpath(*module.split("."))
        files.append(path / "__init__.py" if path.is_dir() else path.with_suffix(".py"))
    names = set().union(*map(_imports, files)) - {"poq", *sys.stdlib_module_names}
    return {IMPORT_TO_PACKAGE.get(name, name.replace("_", "-")) for name in names}


def _imports(file: Path) -> set[str]:
    """Return the top-level names that a file imports, in functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def environments() -> dict[Path, str]:
    """Return the text of every environment file, by path."""
    pins = read_lock()
    scripts = environments_of_rules()
    texts = {ROOT / "environment.yaml": _text(closure(SNAKEFILE, pins), "name: poq")}
    for path in sorted(set(scripts.values())):
        needed = set().union(*(third_party(name) for name in scripts if scripts[name] == path))
        texts[path] = _text(closure(needed, pins))
    return texts


def _text(pins: dict[str, Pin], *head: str) -> str:
    hashed = all(pin.hashes for pin in pins.values())
    lines = ["# Written by `make lock` from requirements.lock; see envs/lock.py."]
    lines += [*head, "channels:", "  - conda-forge", "dependencies:"]
    lines += [f"  - python={PYTHON}", "  - pip", "  - pip:"]
    for package, pin in pins.items():
        lines.append(f"    - {package}=={pin.version}")
        lines += [f"      --hash={value}" for value in pin.hashes if hashed]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for path, text in environments().items():
        path.write_text(text)
