from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from poq import tables
from poq.costs import normalize_costs
from poq.schema import TABLES


def profiles(
    seconds: dict[tuple[str, str, str], list[float]], batches: Sequence[float] = ()
) -> pl.DataFrame:
    """Return profiles: single requests, and for each of ``batches`` a call of 8 requests."""
    return pl.DataFrame(
        [
            {
                "node": node,
                "kind": kind,
                "task": task,
                "request": request,
                "prompt_id": f"{task}:{request}",
                "batch": 1 if request < len(values) else 8,
                "seconds": value,
                "output_tokens": (4 if request < len(values) else 20)
                if kind == "inference"
                else None,
                "peak_memory": 100.0 + request,
                "parameters": 10 if kind == "inference" else None,
                "model_bytes": 20 if kind == "inference" else None,
                "precision": "float32" if kind == "inference" else None,
                "attention": "eager" if kind == "inference" else None,
                "hardware": "test",
            }
            for (node, kind, task), values in seconds.items()
            for request, value in enumerate([*values, *batches])
        ],
        schema_overrides=dict.fromkeys(("output_tokens", "parameters", "model_bytes"), pl.Int64),
        infer_schema_length=None,
    )


def logs(**columns: list[float | None]) -> pl.DataFrame:
    """Table `logged` of models a, b and c with two rows each."""
    schema = {"prompt_id": pl.String, "model": pl.String, "task": pl.String}
    values = {"prompt_id": ["1", "2"] * 3, "model": [*"aabbcc"], "task": ["qa"] * 6}
    numbers = dict.fromkeys(("seconds", "cost"), [None] * 6) | columns
    numeric = dict.fromkeys(("seconds", "cost", "human"), pl.Float64)
    return pl.DataFrame(
        values | numbers | {"human": [0.5] * 6}, schema={**schema, **numeric}, strict=False
    )


@pytest.mark.parametrize(
    ("columns", "seconds", "costs", "n"),
    [
        # medians 2, 3 and 6: (3 - 2) / (6 - 2)
        ({"seconds": [1, 3, 3, 3, 6, 6]}, [2, 3, 6], [0, 0.25, 1], 2),
        # medians of the cost 30, 20, 10; the seconds are kept beside it
        (
            {"seconds": [1, 3, 3, 3, 6, 6], "cost": [30, 30, 15, 25, 10, 10]},
            [2, 3, 6],
            [1, 0.5, 0],
            2,
        ),
        ({"cost": [30, 30, 15, 25, 10, 10]}, [None] * 3, [1, 0.5, 0], 2),
        ({}, [None] * 3, [0, 0, 0], 0),
    ],
)
def test_logged_models_cost_what_their_logs_tell(
    tmp_path: Path,
    columns: dict[str, list[float | None]],
    seconds: list[float | None],
    costs: list[float],
    n: int,
) -> None:
    measured = profiles({("judge", "evaluator", "qa"): [100.0, 300.0]})
    found = normalize_costs(measured, logs(**columns))
    tables.write(found, "costs", tmp_path / "costs.parquet", {})
    models = found.filter(pl.col("kind") == "inference").sort("node")
    assert models["node"].to_list() == ["a", "b", "c"]
    assert models["seconds"].to_list() == seconds
    assert models["cost"].to_list() == costs
    assert models["n"].to_list() == [n] * 3
    if seconds[0] is not None:
        # quartiles of 1 and 3, by linear interpolation
        assert models.select("seconds_q1", "seconds_q3").row(0) == (1.5, 2.5)
    judge = found.filter(pl.col("kind") == "evaluator").row(0, named=True)
    assert (judge["seconds"], judge["cost"]) == (200, 0)


def test_costs_are_normalised_within_kind_and_task() -> None:
    costs = normalize_costs(
        profiles(
            {
                ("cheap", "inference", "qa"): [1.0, 1.0, 1.0],
                ("middle", "inference", "qa"): [1.0, 2.0, 9.0],
                ("dear", "inference", "qa"): [5.0, 5.0, 5.0],
                ("judge", "evaluator", "qa"): [100.0, 100.0, 100.0],
            }
        )
    )
    found = {row["node"]: row for row in costs.iter_rows(named=True)}
    # Medians 1, 2, 5: (2 - 1) / (5 - 1) = 0.25; the evaluator has a pool of its own.
    assert [found[n]["cost"] for n in ("cheap", "middle", "dear", "judge")] == [0, 0.25, 1, 0]
    # Quartiles of 1, 2, 9 by linear interpolation: 1.5 and 5.5.
    assert (found["middle"]["seconds_q1"], found["middle"]["seconds_q3"]) == (1.5, 5.5)
    # 3 requests of 4 tokens in 1 + 2 + 9 seconds.
    assert found["middle"]["tokens_per_second"] == pytest.approx(1.0)
    assert found["judge"]["tokens_per_second"] is None
    assert found["middle"]["peak_memory"] == 102.0
    assert (found["middle"]["parameters"], found["middle"]["model_bytes"]) == (10, 20)
    assert (found["middle"]["precision"], found["middle"]["attention"]) == ("float32", "eager")
    assert found["judge"]["parameters"] is found["judge"]["precision"] is None
    assert set(costs.columns) == {column.name for column in TABLES["costs"].columns}
    assert found["middle"]["batch"] is None
    assert found["middle"]["batch_requests_per_second"] is None


def test_throughput_is_that_of_batches_and_changes_no_cost() -> None:
    seconds = {
        ("cheap", "inference", "qa"): [1.0, 1.0],
        ("dear", "inference", "qa"): [2.0, 3.0],
        ("judge", "evaluator", "qa"): [1.0, 1.0],
    }
    single = normalize_costs(profiles(seconds))
    both = normalize_costs(profiles(seconds, batches=[1.0, 4.0]))
    added = ["batch", "batch_requests_per_second", "batch_tokens_per_second"]
    assert both.drop(added).equals(single.drop(added))
    # Two calls of 8 requests and 20 tokens in 1 + 4 seconds.
    assert both.select(added).rows() == [(8, 3.2, 8.0), (8, 3.2, 8.0), (8, 3.2, None)]
    assert both.select("parameters", "model_bytes").rows() == [(10, 20), (10, 20), (None, None)]
