from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from benchmarks.generation import attempt, main
from poq.generation.base import Completion, Request


@pytest.fixture
def run(
    tiny_model: Path, demo_config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    root: Path, capsys: pytest.CaptureFixture[str],
) -> Any:  # fmt: skip
    """Run the benchmark on the tiny model and return what it printed."""
    demo_config |= {
        "model_cache": str(tmp_path / "models"),
        "models": {"tiny": {"kind": "local", "path": str(tiny_model)}},
        "inference_nodes": {
            "lead": {"kind": "lead", "sentences": 1},
            "tiny": {"kind": "transformers", "model": "tiny", "precision": "float32"},
        },
        "evaluators": {"lexical": demo_config["evaluators"]["lexical-context"]},
        "trained_models": {},
        "dimensions": {},
        "serving": {"batch_size": 4, "max_input_tokens": 4096},
    }
    demo_config["simulation"]["evaluators_per_round"] = 1
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(demo_config))
    monkeypatch.chdir(root)  # where the templates are

    def call(*arguments: str) -> str:
        options = ["--config", str(tmp_path / "config.yaml"), "--threads", "1", *arguments]
        assert main(options) == 0
        return capsys.readouterr().out

    return call


def test_variants_give_the_same_outputs_at_full_precision(run: Any) -> None:
    found = json.loads(run("--limit", "6", "--passes", "2", "--json"))
    assert found["prompts"] == 12
    rows = {row["variant"]: row for row in found["variants"]}
    assert rows["ours"]["of_ours"] == 1
    assert rows["batch 1"]["batches"] == 12
    assert rows["batch 1"]["padding"] == 0
    # 6 prompts of each of two tasks, at most 4 in a batch.
    assert rows["naive"]["batches"] == 4
    assert rows["ours"]["padding"] <= min(0.1, rows["naive"]["padding"])
    for row in rows.values():
        assert row["tokens"] == rows["ours"]["tokens"] > 0
        assert row["equal_outputs"] == 1
        assert row["seconds"] > 0
        assert row["peak_memory"] > 0


def test_padding_alone_needs_no_pass(run: Any) -> None:
    page = run("--limit", "2", "--passes", "0")
    assert "| variant | batches | padding |" in page
    assert "| batch 1 | 4       | 0.000   |" in page


def test_a_variant_that_memory_does_not_hold_has_no_run() -> None:
    request = Request("a", "qa", "b", "c")
    completion = Completion("d", 3, 1, False, "eos", None)

    def too_large(batch: list[Request]) -> list[Completion]:
        torch.empty(2**60, dtype=torch.uint8)
        return [completion]

    def faulty(batch: list[Request]) -> list[Completion]:
        raise RuntimeError("shapes differ")

    assert attempt([[request]], too_large) == []
    (run,) = attempt([[request]], lambda batch: [completion])
    assert run.outputs == {"a": completion}
    with pytest.raises(RuntimeError, match="shapes differ"):
        attempt([[request]], faulty)
