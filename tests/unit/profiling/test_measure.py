from __future__ import annotations

from pathlib import Path

import polars as pl

from poq import tables
from poq.models.served import Served
from poq.models.size import ModelSize
from poq.profiling.measure import Call, profile_tasks, reported_prompts


def test_profile_measures_each_task_after_the_warm_up(tmp_path: Path) -> None:
    done: list[str] = []

    def call(prompt_id: str, task: str) -> Call:
        def run() -> int:
            done.append(prompt_id)
            return 2

        return Call(prompt_id, task, run)

    calls = [call("qa:1", "qa"), call("qa:2", "qa"), call("s:1", "summarization")]
    profile = profile_tasks(
        "n", "inference", calls, requests=3, warmup=1, threads=1, seed=1, size=None
    )
    assert profile["task"].to_list() == ["qa"] * 3 + ["summarization"] * 3
    # Warm-up and requests go through the two prompts in turn: 4 calls, 2 of each.
    assert sorted(done[:4]) == ["qa:1", "qa:1", "qa:2", "qa:2"]
    assert done[1:4] == profile["prompt_id"].to_list()[:3]
    assert profile["seconds"].min() >= 0  # type: ignore[operator]
    tables.write(profile, "profile", tmp_path / "p.parquet", {})


def test_batches_are_measured_once_and_last(tmp_path: Path) -> None:
    done: list[str] = []

    def call(prompt_id: str, task: str, batch: int) -> Call:
        def run() -> int:
            done.append(f"{prompt_id} {batch}")
            return batch

        return Call(prompt_id, task, run, batch)

    calls = [call("qa:1", "qa", 1), call("qa:2", "qa", 8), call("s:1", "summarization", 1)]
    size = ModelSize(parameters=10, model_bytes=20)
    profile = profile_tasks(
        "n",
        "inference",
        calls,
        requests=2,
        warmup=1,
        threads=1,
        seed=1,
        size=size,
        served=Served("float32", "eager"),
    )
    # A warm-up and two requests for each task, then the batch (on CUDA twice).
    assert done[:6] == ["qa:1 1"] * 3 + ["s:1 1"] * 3
    assert set(done[6:]) == {"qa:2 8"}
    columns = profile.select("task", "request", "batch", "output_tokens").rows()
    assert columns == [
        ("qa", 0, 1, 1),
        ("qa", 1, 1, 1),
        ("summarization", 0, 1, 1),
        ("summarization", 1, 1, 1),
        ("qa", 2, 8, 8),
    ]
    assert profile.select("parameters", "model_bytes").unique().rows() == [(10, 20)]
    assert profile.select("precision", "attention").unique().rows() == [("float32", "eager")]
    tables.write(profile, "profile", tmp_path / "p.parquet", {})


def test_costs_are_measured_on_the_reported_prompts() -> None:
    prompts = pl.DataFrame({"prompt_id": ["a", "b"], "split": ["calibration", "test"]})
    assert reported_prompts(prompts)["prompt_id"].to_list() == ["b"]
