from __future__ import annotations

import polars as pl
import pytest

from poq.costs import normalize_costs
from poq.schema import TABLES


def profiles(seconds: dict[tuple[str, str, str], list[float]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "node": node,
                "kind": kind,
                "task": task,
                "request": request,
                "prompt_id": f"{task}:{request}",
                "seconds": value,
                "output_tokens": 4 if kind == "inference" else None,
                "peak_memory": 100.0 + request,
                "parameters": None if kind == "evaluator" else 7,
                "model_bytes": None if kind == "evaluator" else 14,
                "hardware": "test",
            }
            for (node, kind, task), values in seconds.items()
            for request, value in enumerate(values)
        ]
    )


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
    assert (found["middle"]["parameters"], found["middle"]["model_bytes"]) == (7, 14)
    assert found["judge"]["parameters"] is None
    assert set(costs.columns) == {column.name for column in TABLES["costs"].columns}
