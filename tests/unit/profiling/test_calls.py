from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from poq.generation.base import Completion, Request
from poq.profiling.generation import generation_calls
from poq.profiling.scoring import scoring_calls

PROMPTS = pl.DataFrame(
    {
        "prompt_id": ["qa:1", "qa:2"],
        "task": "qa",
        "question": "Why?",
        "context": ["Because.", "So."],
        "references": [["Because", "So"], ["So"]],
    }
)


class OneToken:
    """Answers everything with one token."""

    def batches(self, requests: Iterable[Request]) -> list[list[Request]]:
        return [[request] for request in requests]

    def complete(self, batch: list[Request]) -> list[Completion]:
        return [Completion("x", 5, len(batch), False, "eos", None) for _ in batch]


def test_generation_is_called_with_one_request() -> None:
    calls = generation_calls(OneToken(), PROMPTS)
    assert [(call.prompt_id, call.task, call.run()) for call in calls] == [
        ("qa:1", "qa", 1),
        ("qa:2", "qa", 1),
    ]


def test_scoring_is_called_with_one_output_and_all_its_references() -> None:
    seen: list[tuple[list[str], list[str]]] = []

    def scorer(outputs: Sequence[str], targets: Sequence[str]) -> NDArray[np.float64]:
        seen.append((list(outputs), list(targets)))
        return np.zeros(len(outputs))

    outputs = pl.DataFrame({"prompt_id": ["qa:1", "qa:2"], "model": "m", "output": ["a", ""]})
    (call,) = scoring_calls(scorer, "reference", PROMPTS, outputs)
    assert call.run() is None
    # The empty output of qa:2 is never shown to an evaluator.
    assert seen == [(["a", "a"], ["Because", "So"])]
