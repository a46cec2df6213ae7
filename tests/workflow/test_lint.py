"""What `snakemake --lint` finds is explained in CONTRIBUTING.md, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.workflow.conftest import ROOT, prepare, run

pytestmark = pytest.mark.workflow


@pytest.mark.parametrize("config", ["mini.yaml", "logs.yaml"])
def test_every_finding_is_explained(tmp_path: Path, config: str) -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = page.partition("## What `snakemake --lint` finds\n")[2].partition("\n## ")[0]
    explained = re.findall(r"^\| (?!finding )([^|-][^|]*) \| [^|]+ \|$", table, re.MULTILINE)
    done = run(prepare(tmp_path, config), "--lint")
    found = set(re.findall(r"^    \* (.+):$", done.stdout, re.MULTILINE))
    assert done.returncode == (1 if found else 0), done.stdout
    assert found == set(explained), done.stdout
