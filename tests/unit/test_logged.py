from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from poq import tables
from poq.corpus.prompts import build_prompts
from poq.errors import PoqError
from poq.logged import read_logs
from poq.reference_quality import reference_quality
from poq.training.examples import build_examples

CALIBRATION = {"calibration": 0.4}
COLUMNS = {"prompt": "id", "model": "m", "output": "o", "context": "c", "reference": "r"}


def source(path: Path, task: str, models: str = "xy", **columns: float) -> dict[str, Any]:
    """Write a log of six prompts and return its settings; each column is a named quality."""
    rows = [
        {"id": str(i), "m": m, "o": f"{m} {i}", "c": f"{task} {i}", "q": "Why?", "r": f"x {i}"}
        | columns
        for i in range(6)
        for m in models
    ]
    pl.DataFrame(rows).write_csv(path / f"{task}.csv")
    return {
        "kind": "logs",
        "path": str(path / f"{task}.csv"),
        "columns": COLUMNS
        | ({"question": "q"} if task == "qa" else {})
        | {key: key for key in columns if key in ("latency", "cost")},
        "qualities": {
            key: {"column": key, "worst": 0, "best": 2}
            for key in columns
            if key not in ("latency", "cost")
        },
    }


def test_tables_of_two_tasks_hold_what_was_drawn(tmp_path: Path) -> None:
    sources = {
        "qa": source(tmp_path, "qa", human=1.0, latency=0.5),
        "summarization": source(tmp_path, "summarization", cost=7.0),
    }
    prompts = build_prompts(sources, {"qa": 4, "summarization": None}, {}, CALIBRATION, 1).prompts
    found = read_logs(sources, prompts)
    for name, frame in found._asdict().items():
        tables.write(frame, name, tmp_path / f"{name}.parquet", {})
    tables.write(prompts, "prompts", tmp_path / "prompts.parquet", {})
    assert prompts["prompt"].is_null().all()
    # 4 prompts drawn of 6, and 6, of two models each
    assert len(found.outputs) == len(found.logged) == 4 * 2 + 6 * 2
    assert set(found.outputs["prompt_id"]) == set(prompts["prompt_id"])
    assert found.log_rows.rows() == [("qa", "kept", 12), ("summarization", "kept", 12)]
    by_task = found.logged.group_by("task").agg(pl.col("seconds", "cost", "human").unique())
    # human 1 of 0 to 2
    assert by_task.sort("task").rows() == [
        ("qa", [0.5], [None], [0.5]),
        ("summarization", [None], [7.0], [None]),
    ]
    quality = reference_quality(found.outputs, prompts, found.logged)
    assert quality.filter(pl.col("model") == "x")["exact_match"].to_list() == [1.0] * 10
    assert quality["human"].null_count() == 12


def test_one_network_has_the_same_models_for_all_tasks(tmp_path: Path) -> None:
    sources = {
        "qa": source(tmp_path, "qa", "xy"),
        "summarization": source(tmp_path, "summarization", "xz"),
    }
    prompts = build_prompts(sources, dict.fromkeys(sources), {}, CALIBRATION, 1).prompts
    with pytest.raises(PoqError, match=r"those of task qa by \['y', 'z'\]; expected the same"):
        read_logs(sources, prompts)


def test_a_trained_evaluator_learns_from_logs(tmp_path: Path) -> None:
    sources = {"summarization": source(tmp_path, "summarization")}
    prompts = build_prompts(sources, dict.fromkeys(sources), {}, {"training": 0.4}, 1).prompts
    examples = build_examples(
        prompts, read_logs(sources, prompts).outputs,
        corruptions=["untouched", "node_output"], labels={"summarization": "token_f1"},
        held_out=0.0, seed=1,
    )  # fmt: skip
    # 3 training prompts (40% of 6, rounded up): x's output is the reference itself, y's another
    assert examples["corruption"].value_counts().sort("corruption").rows() == [
        ("node_output", 3),
        ("untouched", 3),
    ]
