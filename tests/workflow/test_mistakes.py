"""Mistakes are told in one message before anything runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import prepare, run

pytestmark = pytest.mark.workflow


def test_wrong_key_stops_before_the_dag(tmp_path: Path) -> None:
    folder = prepare(tmp_path, "modelless.yaml")
    result = run(folder, "--cores", "1", "--config", "sede=1")
    assert result.returncode == 1
    assert "config.yaml: sede: unknown key; found 1, expected no such key" in result.stdout
    assert "Traceback" not in result.stdout
    assert not (folder / "results").exists()


def test_malformed_row_is_named(tmp_path: Path) -> None:
    folder = prepare(tmp_path, "modelless.yaml")
    row = {"id": "a", "context": "The bridge is red.", "question": "Which colour?"}
    rows = [
        row | {"answers": {"text": ["red"], "answer_start": [14]}},
        row | {"id": "b", "answers": {"text": ["blue"], "answer_start": [14]}},
    ]
    (folder / "mine.jsonl").write_text("\n".join(map(json.dumps, rows)))
    values = yaml.safe_load((folder / "config.yaml").read_text())
    values["tasks"]["qa"] |= {"source": {"kind": "local", "path": "mine.jsonl"}, "sample": 2}
    (folder / "config.yaml").write_text(yaml.safe_dump(values))
    result = run(folder, "--cores", "1")
    assert result.returncode == 1
    message = "error: mine.jsonl, row 2: answer 'blue' is no span of the context at 14"
    assert message in result.stdout
    assert "Traceback (most recent call last):\n" not in result.stdout.split(message)[0]
    assert not list((folder / "results").rglob("*.parquet"))


def test_rules_read_well(tmp_path: Path) -> None:
    folder = prepare(tmp_path, "modelless.yaml")
    result = run(folder, "--list-rules")
    assert result.returncode == 0
    for rule in ("build_prompts", "generate_outputs", "score_outputs", "plot_figure", "all"):
        assert rule in result.stdout
